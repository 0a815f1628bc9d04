"""Runs one pure table function over many shards: in processes on this machine, or on Ray. What is done is not done again.

A shard is a parquet file in `data_prep/table.py`'s shape. The result does not depend on the engine, on the number of
processes, or on how often the run was killed: every shard is written whole or not at all, and by its number.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from wellgate.errors import InputError
from wellgate.progress import progress

Engine = Literal["local", "ray"]
Step = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class Job:
    """One shard to do: read `source`, leave out the marked rows, apply the step, write `target`."""

    source: Path
    target: Path
    marks: dict[int, str] = field(default_factory=dict)
    """Row within the shard to `step: reason`."""


def run(step: Step, jobs: Sequence[Job], label: str, engine: Engine = "local", processes: int = 1) -> None:
    """Do all jobs whose target is not there yet.

    Raises:
        InputError: a worker was killed, or Ray is asked for and not installed.
    """
    todo = [job for job in jobs if not job.target.exists()]
    if engine == "ray":
        _ray(step, todo, label, processes)
    elif processes == 1 or len(todo) < 2:
        for job in progress(todo, label, len(todo)):
            work(step, job)
    else:
        _processes(step, todo, label, processes)


def work(step: Step, job: Job) -> None:
    """One shard, in whichever process."""
    table = pq.read_table(job.source, memory_map=True)
    if job.marks:
        from data_prep.table import mark

        table = mark(table, job.marks)
    write_shard(job.target, step(table))


def write_shard(path: Path, table: pa.Table) -> None:
    """Write a table so that it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _processes(step: Step, todo: Sequence[Job], label: str, processes: int) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(todo)), spawn, initializer=_one_thread) as pool:
        futures = [pool.submit(work, step, job) for job in todo]
        try:
            for future in progress(as_completed(futures), label, len(todo)):
                future.result()
        except BrokenProcessPool:
            raise InputError(
                f"{label}: a worker was killed (out of memory?); start again, finished shards are kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    """A process a core is the parallelism; threads below it would fight for the same cores."""
    pa.set_cpu_count(1)


def _ray(step: Step, todo: Sequence[Job], label: str, processes: int) -> None:
    try:
        import ray
    except ImportError:
        raise InputError(
            "prepare.engine: ray is not installed; `pip install ray[data]`, or use engine: local"
        ) from None
    if not todo:
        return
    started = not ray.is_initialized()
    if started:
        ray.init(num_cpus=processes, include_dashboard=False, log_to_driver=False)
    try:
        done = ray.data.from_items([{"job": number} for number in range(len(todo))])
        done.map(_RayTask(step, todo), num_cpus=1).materialize()
    finally:
        if started:
            ray.shutdown()


@dataclass(frozen=True)
class _RayTask:
    step: Step
    jobs: Sequence[Job]

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        work(self.step, self.jobs[row["job"]])
        return row
