"""How fast the gate grades and verifies, without a model: `python scripts/bench.py gate [--replies 100000] [--records 50000]`.

Replies are the labelled ones over and over; the bundle is made up as the tests make it. The speed of writing replies is a line of
`bench.py stages`. Seconds are those of one process's CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from eval import quality, sentinels
from eval.scripted import EXPECTED
from eval.verify import recomputed
from tests.eval.bundles import bundle
from wellgate.grading import metric, metrics


def graded(count: int) -> dict[str, float]:
    """Replies a second, metric by metric."""
    texts = list(islice(cycle([row["text"] for row in quality.labelled("test")]), count))
    rates = {}
    for name in metrics():
        grader = metric(name)[0]
        grader.compute(predictions=texts[:100], references=[""] * 100)
        started = time.process_time()
        grader.compute(predictions=texts, references=[""] * count)
        rates[name] = count / (time.process_time() - started)
    return rates


def verified(records: int) -> float:
    """Seconds to recompute a bundle of so many records, the controls' among them."""
    items = records // (2 + len(EXPECTED))
    with tempfile.TemporaryDirectory() as folder:
        made = bundle(Path(folder) / "gate", successes=items, n=items)
        started = time.process_time()
        recomputed(made)
        return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replies", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--out", type=Path, default=Path("bench-gate.json"))
    options = parser.parse_args()
    rates = graded(options.replies)
    print("| | |\n|---|---|")
    for name, rate in rates.items():
        print(f"| grading by {name}, replies/s | {rate:,.0f} |")
    started = time.process_time()
    assert not sentinels.wrong()
    checked = time.process_time() - started
    print(f"| all sentinels, s | {checked:.1f} |")
    seconds = verified(options.records)
    print(f"| verifying {options.records:,} records, s | {seconds:.2f} |")
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    options.out.write_text(json.dumps({"machine": machine, "replies/s": rates, "verify s": seconds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
