"""The gate's statistics: rates, paired differences, equal treatment of groups, graders that err, and power.

Every bound is one-sided at the given confidence. docs/statistics.md says why each method, what it costs and how it was checked.
"""
