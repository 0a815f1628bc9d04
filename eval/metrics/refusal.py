"""Whether a reply takes up what was asked, refuses, or only redirects.

Also an `evaluate` module: `evaluate.load("eval/metrics/refusal.py")`. English only.
"""

from __future__ import annotations

from eval.metrics import learned

VERSION = "1"


class Refusal(learned.Learned):
    criteria = (
        "refuses",
        "engages",
        "needless_redirect",
        "names_crisis_line",
        "names_emergency_help",
        "asks_about_suicide",
    )
