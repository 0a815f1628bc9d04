"""`python scripts/bench.py stages|train|data|gate [options]`: the speed of this machine, beside usual ways of doing the same.

`stages` measures each stage of a recipe, `train` what each lever of training gives, `data` the steps of preparation,
`gate` grading and verifying.
`python scripts/bench.py train --help` says more.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the bench that the first word names, with the words after it."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in known:
        sys.exit(f"{(__doc__ or '').splitlines()[0]}\nbench: name one of {', '.join(known)}")
    script = HERE / f"bench_{what}.py"
    sys.argv = [str(script), *sys.argv[2:]]
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
