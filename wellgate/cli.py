"""`wellgate check|prepare|train|gate|verify|export|run|show RECIPE`.

Exit codes: 0 ok, 1 crashed, 2 recipe or input wrong, 3 the gate said no or its evidence is incomplete.
Nothing heavy is imported before a command needs it: `--help` and `check` never import torch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wellgate import __version__
from wellgate.errors import GATE_SAID_NO, OK, GateRefusal, guarded

if TYPE_CHECKING:
    from wellgate.recipe import Recipe


def check(recipe: Recipe) -> int:
    """load the recipe, report every problem at once, and say what would run"""
    from wellgate.show import plan

    print(plan(recipe))
    return OK


def prepare(recipe: Recipe) -> int:
    """raw data to de-identified, split train and preference files"""
    from data_prep.prepare import prepare as stage

    stage(recipe)
    return OK


def train(recipe: Recipe) -> int:
    """SFT, then DPO, each through accelerate's own launcher"""
    from train.launch import launch

    launch(recipe)
    return OK


def gate(recipe: Recipe) -> int:
    """ask base and tuned model the probes and write the verdict"""
    from eval.gate import gate as stage

    return OK if stage(recipe).cleared else GATE_SAID_NO


def verify(recipe: Recipe) -> int:
    """recompute digests, statistics and verdict from the gate's records"""
    from eval.verify import verify as recompute

    clearance = recompute(recipe)
    print(f"verified: {clearance.summary}")
    return OK


def export(recipe: Recipe) -> int:
    """write the release, if and only if verify clears it"""
    from eval.export import export as stage

    print(f"exported to {stage(recipe)}")
    return OK


def run(recipe: Recipe) -> int:
    """the whole line: prepare, train, gate, export"""
    from wellgate.show import summary

    prepare(recipe)
    if recipe.sft:
        train(recipe)
    refusal = ""
    code = gate(recipe) if recipe.gate else OK
    if recipe.export:
        try:
            export(recipe)
        except GateRefusal as error:
            refusal = str(error)
    print(summary(recipe, refusal))
    return GATE_SAID_NO if refusal else code


def show(recipe: Recipe) -> int:
    """summarise what this recipe's run has produced so far"""
    from wellgate.show import summary

    print(summary(recipe, ""))
    return OK


COMMANDS: tuple[Callable[[Recipe], int], ...] = (check, prepare, train, gate, verify, export, run, show)


def parser() -> argparse.ArgumentParser:
    """The command line, also the source of the generated docs."""
    top = argparse.ArgumentParser(
        prog="wellgate",
        description="Fine-tune mental-health language models that have to earn their release.",
        epilog="exit codes: 0 ok, 1 crashed, 2 recipe or input wrong, 3 the gate said no or its evidence is incomplete",
    )
    top.add_argument("--version", action="version", version=f"wellgate {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        words = command.__doc__ or ""
        sub = commands.add_parser(command.__name__, help=words, description=words)
        sub.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe file, as recipes/demo-cpu.yaml")
        sub.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            dest="overrides",
            help="override one recipe key, as --set sft.learning_rate=1e-4; may be repeated",
        )
        sub.set_defaults(function=command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    options = parser().parse_args(arguments)

    def work() -> int:
        from wellgate.recipe import load

        return int(options.function(load(options.recipe, options.overrides)))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
