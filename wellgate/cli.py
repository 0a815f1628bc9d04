"""`wellgate check|prepare|train|gate|calibrate|verify|sign|review|export|run|show`, and the tools `deid-eval` and `leaks`.

Exit codes: 0 ok, 1 crashed, 2 recipe or input wrong, 3 the gate said no or its evidence is incomplete.
Nothing heavy is imported before a command needs it: `--help` and `check` never import torch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellgate import __version__
from wellgate.errors import GATE_SAID_NO, OK, GateRefusal, InputError, guarded
from wellgate.files import write_text

if TYPE_CHECKING:
    from wellgate.recipe import Recipe


def check(recipe: Recipe) -> int:
    """load the recipe, report every problem at once, say what would run, and prove the tokenizer's labels"""
    from train.audit import checked
    from train.room import outlook
    from wellgate.show import plan

    lines = [plan(recipe), *([checked(recipe)] if recipe.sft else []), *outlook(recipe)]
    print("\n".join(lines))
    return OK


def prepare(recipe: Recipe) -> int:
    """raw data to de-identified, split train and preference files"""
    from data_prep.prepare import prepare as stage

    stage(recipe)
    return OK


def train(recipe: Recipe) -> int:
    """SFT, then DPO or KTO, each through accelerate's own launcher"""
    from train.launch import launch

    launch(recipe)
    return OK


def gate(recipe: Recipe) -> int:
    """ask base and tuned model the probes and write the verdict"""
    from eval.gate import gate as stage

    return OK if stage(recipe).cleared else GATE_SAID_NO


def calibrate(options: argparse.Namespace) -> int:
    """this run's own replies out for two people to label, and their labels back as evidence of how the graders err"""
    from eval.calibrate import collect, sample
    from wellgate.recipe import load

    recipe = load(options.recipe, options.overrides)
    if options.labels:
        print(collect(recipe, tuple(options.labels)))
        return OK
    if options.out is None:
        raise InputError("calibrate: --sample needs --out, a file that ends in .csv or .json")
    print(sample(recipe, options.sample, options.seed, options.out))
    return OK


def verify(options: argparse.Namespace) -> int:
    """recompute digests, statistics and verdict from the gate's evidence: a recipe's own, or any folder of it"""
    from eval.signing import require_signed
    from eval.verify import recomputed, require_pass
    from eval.verify import verify as recompute

    if options.recipe.is_dir():
        if options.key:
            require_signed(options.recipe, options.key)
        report, _ = recomputed(options.recipe)
        require_pass(report)
        print(f"verified: {report.claim}, {report.judged}, from the evidence alone")
    else:
        from wellgate.recipe import load

        print(f"verified: {recompute(load(options.recipe, options.overrides)).summary}")
    return OK


def sign(options: argparse.Namespace) -> int:
    """sign a folder of evidence that holds, with an elliptic-curve private key"""
    from eval.signing import sign as stage

    print(f"signed: {stage(options.folder, options.key)}")
    return OK


def review(options: argparse.Namespace) -> int:
    """write a signed review of the artefact that a folder of evidence is about"""
    from eval.reviews import write

    said = {name: getattr(options, name) for name in ("role", "reviewer", "decision", "note")}
    print(f"reviewed: {write(options.folder, options.key, options.out, **said)}")
    return OK


def export(recipe: Recipe) -> int:
    """write the release, if and only if verify clears it"""
    from eval.export import export as stage

    print(f"exported to {stage(recipe)}")
    return OK


def run(recipe: Recipe) -> int:
    """the whole line: prepare, train, gate, export"""
    from train.launch import require_ready
    from wellgate.show import summary

    if recipe.sft:
        require_ready(recipe)
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


def show(options: argparse.Namespace) -> int:
    """summarise what a recipe's run has produced so far, or a folder of prepared data; or say how often graders err"""
    if options.graders:
        from eval.quality import lines, read

        print(
            "\n".join(
                [
                    "Right answers on the labelled replies that ship; docs/graders.md says of what they are worth.",
                    "",
                    *lines(read()),
                ]
            )
        )
        return OK
    if options.recipe is None:
        raise InputError("show: name a recipe or a folder, or --graders")
    if options.mask is not None:
        from train.preview import preview
        from wellgate.recipe import load

        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(preview(load(options.recipe, options.overrides), options.mask, colour))
        return OK
    if options.recipe.is_dir():
        from data_prep.essence import essence

        print(essence(options.recipe, options.text))
    else:
        from wellgate.recipe import load
        from wellgate.show import summary

        print(summary(load(options.recipe, options.overrides), ""))
    return OK


def deid_eval(options: argparse.Namespace) -> int:
    """measure de-identification on passages with marked personal data, beside Presidio as it comes"""
    from data_prep.deidentify.evaluate import report

    print(report(options.file, options.system, options.out))
    return OK


def leaks(options: argparse.Namespace) -> int:
    """find what of one file or split stands in another: exact, near, and contained"""
    from data_prep.leaks import audit

    found = audit(options.a, options.b, options.columns, options.near)
    if options.out:
        write_text(options.out, json.dumps(found.as_dict(), indent=1) + "\n")
    print(found.markdown())
    return OK


STAGES: tuple[Callable[[Recipe], int], ...] = (check, prepare, train, gate, export, run)


def parser() -> argparse.ArgumentParser:
    """The command line, also the source of the generated docs."""
    top = argparse.ArgumentParser(
        prog="wellgate",
        description="Fine-tune mental-health language models that have to earn their release.",
        epilog="exit codes: 0 ok, 1 crashed, 2 recipe or input wrong, 3 the gate said no or its evidence is incomplete",
    )
    top.add_argument("--version", action="version", version=f"wellgate {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for stage in STAGES:
        sub = _command(commands, stage)
        _add_recipe(sub, "RECIPE", "a recipe file, as recipes/demo-cpu.yaml")
        sub.set_defaults(function=partial(_with_recipe, stage))
    _add_calibrate(_command(commands, calibrate))
    sub = _command(commands, verify)
    _add_recipe(sub, "RECIPE|FOLDER", "a recipe file, or a folder of evidence that the gate has written")
    sub.add_argument("--key", type=Path, metavar="PEM", help="of a folder, also its signature, by this public key")
    sub = _command(commands, sign)
    sub.add_argument("folder", type=Path, help="a folder of evidence that the gate has written")
    sub.add_argument("--key", type=Path, metavar="PEM", required=True, help="EC private key")
    _add_review(_command(commands, review))
    sub = _command(commands, show)
    _add_recipe(sub, "RECIPE|FOLDER", "a recipe file, or a folder that prepare has written", nargs="?")
    sub.add_argument("--graders", action="store_true", help="how often each shipped grader is right, with bounds")
    sub.add_argument("--text", type=int, default=0, metavar="N", help="of a folder, also N random conversations")
    words = "of a recipe: one training record with what the loss sees of it marked; the first where no ID is named"
    sub.add_argument("--mask", nargs="?", const="", metavar="ID", help=words)
    _add_deid_eval(_command(commands, deid_eval))
    _add_leaks(_command(commands, leaks))
    return top


def _command(commands: Any, function: Callable[..., int]) -> argparse.ArgumentParser:
    words = function.__doc__ or ""
    sub: argparse.ArgumentParser = commands.add_parser(
        function.__name__.replace("_", "-"), help=words, description=words
    )
    sub.set_defaults(function=function)
    return sub


def _add_recipe(sub: argparse.ArgumentParser, metavar: str, words: str, nargs: str | None = None) -> None:
    sub.add_argument("recipe", type=Path, metavar=metavar, help=words, nargs=nargs)
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one recipe key, as --set sft.learning_rate=1e-4; may be repeated",
    )


def _add_review(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", type=Path, help="a folder of evidence that the gate has written, and you have read")
    sub.add_argument("--role", required=True, choices=["clinician", "lived_experience", "safety"])
    sub.add_argument("--reviewer", required=True, metavar="NAME", help="as the recipe's export.reviewers has it")
    sub.add_argument("--decision", required=True, choices=["approve", "reject"])
    sub.add_argument("--note", default="", help="a remark for the model card; it is published")
    sub.add_argument("--key", type=Path, metavar="PEM", required=True, help="your EC private key")
    sub.add_argument("--out", type=Path, metavar="FOLDER", default=Path("reviews"), help="default: reviews")


def _add_calibrate(sub: argparse.ArgumentParser) -> None:
    _add_recipe(sub, "RECIPE", "the recipe of a run that has been through the gate")
    way = sub.add_mutually_exclusive_group(required=True)
    way.add_argument("--sample", type=int, metavar="N", help="draw at most N replies and write them to --out")
    words = "what two people made of it, a file each, named by its rater; writes calibration.json into the run"
    way.add_argument("--labels", type=Path, nargs=2, metavar="FILE", help=words)
    sub.add_argument("--out", type=Path, metavar="FILE", help="labels.csv or labels.json; it holds the replies' text")
    sub.add_argument("--seed", type=int, default=0, help="of the sample; default 0")


def _add_deid_eval(sub: argparse.ArgumentParser) -> None:
    words = (
        "wellgate .jsonl, TAB .json, i2b2 .xml or a folder of them; the shipped locked benchmark where none is named"
    )
    sub.add_argument("file", type=Path, nargs="?", help=words)
    sub.add_argument(
        "--system", action="append", choices=["wellgate", "presidio"], help="may be repeated; default both"
    )
    sub.add_argument("--out", type=Path, metavar="JSON", help="write all figures here too")


def _add_leaks(sub: argparse.ArgumentParser) -> None:
    words = "csv, jsonl, parquet or txt; `data.csv:split=train` is a part of it"
    sub.add_argument("a", help=words)
    sub.add_argument("b", nargs="?", help="looked for in A; where none is named, A's duplicates are listed")
    sub.add_argument("--columns", nargs="+", default=[], metavar="NAME", help="text columns; found where none is named")
    sub.add_argument("--near", type=float, default=0.5, help="Jaccard similarity of word 3-grams; default 0.5")
    sub.add_argument("--out", type=Path, metavar="JSON", help="write everything here too")


def _with_recipe(stage: Callable[[Recipe], int], options: argparse.Namespace) -> int:
    from wellgate.recipe import load

    return stage(load(options.recipe, options.overrides))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    options = parser().parse_args(arguments)
    return guarded(lambda: int(options.function(options)))


if __name__ == "__main__":
    sys.exit(main())
