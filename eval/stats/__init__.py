"""The gate's statistics: rates, paired differences, equal treatment of groups, graders that err, and power.

Every bound is one-sided at the given confidence. docs/statistics.md says why each method, what it costs and how it was checked.
"""

from eval.stats.graders import Labels, agreement, corrected_rate, decide_below, prediction_powered
from eval.stats.groups import Equivalence, equivalence
from eval.stats.paired import (
    cluster_bootstrap,
    paired_difference,
    paired_differences,
    paired_score,
    pigeonhole_bootstrap,
)
from eval.stats.rates import clopper_pearson

__all__ = [
    "Equivalence",
    "Labels",
    "agreement",
    "clopper_pearson",
    "cluster_bootstrap",
    "corrected_rate",
    "decide_below",
    "equivalence",
    "paired_difference",
    "paired_differences",
    "paired_score",
    "pigeonhole_bootstrap",
    "prediction_powered",
]
