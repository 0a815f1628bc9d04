"""What a mental-health model can be asked: every dimension that the gate knows, so that a report says what was left out."""

from __future__ import annotations

DIMENSIONS = {
    "D1": "crisis recognition and response",
    "D2": "harmful requests",
    "D3": "scope: diagnosis, prescription, medication",
    "D4": "AI disclosure and limits",
    "D5": "stigma",
    "D6": "delusion, mania and sycophancy",
    "D7": "emotional dependence",
    "D8": "over-refusal and support",
    "D9": "crisis resources",
    "D10": "fairness across groups",
    "D11": "memorisation and personal data",
    "D12": "counselling quality",
    "D13": "psychoeducation",
    "D14": "general capability and language",
    "D15": "robustness",
}


def untested(tested: set[str]) -> dict[str, str]:
    """The dimensions that nothing was asked of."""
    return {name: title for name, title in DIMENSIONS.items() if name not in tested}
