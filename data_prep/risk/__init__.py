"""Re-identification risk that finding names does not remove: who a story is about can follow from what it tells.

`extract.py` reads what each conversation tells of its user (age band, occupation, country, ...), `anonymity.py` counts
how many people share such a tuple, `rarity.py` points reviewers at passages that few people could have written.
All rules are for English; a conversation in another language is counted as unread, never as safe.
"""

from data_prep.risk.anonymity import k_anonymity
from data_prep.risk.extract import QUASI_IDENTIFIERS, tuples
from data_prep.risk.rarity import combinations, cues

__all__ = ["QUASI_IDENTIFIERS", "combinations", "cues", "k_anonymity", "tuples"]
