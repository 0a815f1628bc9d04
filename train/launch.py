"""Both ways into training: `wellgate train`, through accelerate's own launcher, and the launched script itself."""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import yaml

from train import audit, ranks
from wellgate.base import Base, require_pinned
from wellgate.errors import INPUT_WRONG, Crashed, InputError, guarded
from wellgate.files import write_text
from wellgate.recipe import Recipe, load
from wellgate.run import ROOT, Manifest, Stage
from wellgate.stages import planned, resolve_base, root
from wellgate.world import declared

StageOf = Callable[[Recipe, Base], Stage]
Work = Callable[[Recipe, Base, Stage], Manifest | None]


def require_ready(recipe: Recipe) -> None:
    """What training needs and cannot make itself: asked before data is prepared or anything is fetched."""
    require_pinned(recipe.model.base, recipe.model.revision)
    ranks.require_devices(recipe)


def launch(recipe: Recipe) -> None:
    """Run each training stage that is not done yet in a launched process, or in several."""
    require_ready(recipe)
    base = resolve_base(recipe)
    for stage_of in planned(recipe):
        stage = stage_of(recipe, base)
        if stage.manifest():
            print(f"{stage.name}: cached ({stage.folder})")
        else:
            _launch(recipe, stage)


def _launch(recipe: Recipe, stage: Stage) -> None:
    """`accelerate launch train/<stage>.py <resolved recipe>`; its verdict travels by file, not by exit code."""
    os.environ.setdefault("LOGLEVEL", "CRITICAL")  # of torchrun: a worker has said itself why it stopped
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    resolved = root(recipe) / "recipe.yaml"
    write_text(resolved, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    failure = _failure_file(recipe, stage.name)
    failure.unlink(missing_ok=True)
    try:
        with passing_on_sigterm() as asked:
            _start(recipe, [str(ROOT / "train" / f"{stage.name}.py"), str(resolved)])
    except (SystemExit, ChildFailedError, SignalException) as stop:
        if failure.is_file():
            raise InputError(json.loads(failure.read_text(encoding="utf-8"))["message"]) from None
        if asked or isinstance(stop, SignalException):
            raise Crashed(f"{stage.name}: interrupted; run again to go on from here") from None
        if not isinstance(stop, SystemExit) or stop.code:
            raise Crashed(
                f"{stage.name}: the training process died; see its output above, then run again to resume"
            ) from None


@contextmanager
def passing_on_sigterm() -> Iterator[list[int]]:
    """While a launched process trains, SIGTERM goes on to it: it saves, where this one alone would die and leave it."""
    from psutil import Process

    asked: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        asked.append(number)
        for child in Process().children():
            child.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(recipe: Recipe, script: list[str]) -> None:
    """Start the script in the declared world: through torchrun for several CPU processes, else through accelerate."""
    world = declared(recipe)
    if world.num_machines > 1:
        raise InputError(
            f"launch: {recipe.launch} declares {world.num_machines} machines; start `accelerate launch` on each, as scripts/slurm_train.sh does"
        )
    threads = str(max(1, (os.cpu_count() or 1) // world.num_processes))
    if world.distributed_type == "MULTI_CPU":
        from accelerate.utils import patch_environment
        from torch.distributed import run

        words = ["--standalone", "--nproc_per_node", str(world.num_processes), *script]
        with patch_environment(omp_num_threads=threads):
            run.run(run.get_args_parser().parse_args(words))
        return
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.cuda import is_available

    alone = "--num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no".split()
    device = [] if is_available() else ["--cpu"]
    options = ["--config_file", recipe.launch] if recipe.launch else [*device, *alone]
    words = ["--quiet", "--num_cpu_threads_per_process", threads, *options, *script]
    launch_command(launch_command_parser().parse_args(words))


def _failure_file(recipe: Recipe, name: str) -> Path:
    return root(recipe) / f"{name}.failed.json"


def main(arguments: Sequence[str], name: str, stage_of: StageOf, work: Work) -> int:
    """What a launched training script does: the stage of the recipe, unless it is done."""
    parser = argparse.ArgumentParser(prog=f"accelerate launch train/{name}.py")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    said: list[str] = []
    recipe: list[Recipe] = []

    def run() -> int:
        recipe.append(load(options.recipe, options.overrides))
        ranks.require_started(recipe[0])
        base = resolve_base(recipe[0])
        stage = stage_of(recipe[0], base)
        if stage.manifest():
            ranks.say(f"{name}: cached ({stage.folder})")
            return 0
        with stage.working() if ranks.first() else nullcontext():
            audit.require(recipe[0], base)
            done = work(recipe[0], base, stage)
        if done:
            print(
                f"{name}: loss {done.counts['first_loss']:.3f} to {done.counts['last_loss']:.3f} in {done.counts['steps']} steps, {done.seconds:.0f} s ({stage.folder})"
            )
        return 0

    def heard() -> int:
        try:
            with ranks.one_voice():
                return run()
        except InputError as error:
            said.append(str(error))
            raise

    code = guarded(heard)
    if code == INPUT_WRONG and recipe:
        with suppress(OSError):  # on a full disk the line above has to do
            write_text(_failure_file(recipe[0], name), json.dumps({"message": said[0] if said else "see above"}))
    return code
