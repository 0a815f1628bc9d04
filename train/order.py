"""Which rows stand in which batch: an order that seed and epoch decide, dealt evenly to the processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.trainer_pt_utils import BatchRebalanceSampler, LengthGroupedSampler

from train import ranks
from train.facts import Counted
from wellgate.errors import InputError


class SeededByEpoch(LengthGroupedSampler):  # type: ignore[misc]
    """Rows of like length together, in an order that seed and epoch decide.

    The order of transformers' own sampler hangs on the global random state, which a run that is resumed in a later
    epoch has only after the rows are ordered: it would train on some rows twice and on others never.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        self.generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return iter(super().__iter__())


def deal(rows: Sequence[int], batch_size: int, processes: int) -> list[list[list[int]]]:
    """Rounds of one batch for each process: shape (rounds, processes, at most batch_size), no row twice.

    accelerate would fill the last round with rows from the beginning. Here the rows of the last round, or of the last
    two, are spread over all processes. Only where batches of one row leave nothing to spread, fewer rows than there are
    processes wait for another epoch's order.
    """
    full = batch_size * processes
    rounds = [list(rows[start : start + full]) for start in range(0, len(rows), full)]
    if len(rounds[-1]) < processes:
        rest = rounds.pop()
        if batch_size > 1 and rounds:
            both = rounds.pop() + rest
            half = (len(both) + 1) // 2
            rounds += [both[:half], both[half:]]
    return [[list(part) for part in _parts(one, processes)] for one in rounds]


def _parts(rows: list[int], count: int) -> Iterator[list[int]]:
    """`count` neighbouring parts whose sizes differ by one at most."""
    size, longer = divmod(len(rows), count)
    start = 0
    for number in range(count):
        end = start + size + (number < longer)
        yield rows[start:end]
        start = end


class Dealt(BatchRebalanceSampler):  # type: ignore[misc]
    """This process's batches of that order. transformers leaves a sampler of this class as it is, and does not shard it again."""

    def __init__(self, order: Any, batch_size: int, processes: int, rank: int) -> None:
        if len(order) < processes:
            raise InputError(f"launch: {len(order)} rows cannot be dealt to {processes} processes; start fewer")
        self.order, self.batch_size, self.processes, self.rank = order, batch_size, processes, rank

    def set_epoch(self, epoch: int) -> None:
        if hasattr(self.order, "set_epoch"):
            self.order.set_epoch(epoch)

    def __len__(self) -> int:
        return len(deal(range(len(self.order)), self.batch_size, self.processes))

    def __iter__(self) -> Iterator[list[int]]:
        return iter([one[self.rank] for one in deal(list(self.order), self.batch_size, self.processes)])


class Ordered(Counted):
    """A trainer with that order; one whose rows stand in order already keeps it, and deals it."""

    def _get_train_sampler(self, *args: Any) -> Any:
        own: Any = super()
        plain = own._get_train_sampler(*args)
        settings: Any = self.args  # type: ignore[attr-defined]
        order = plain
        if isinstance(plain, LengthGroupedSampler):
            order = SeededByEpoch(plain.batch_size * settings.world_size, plain.lengths, settings.data_seed)
        if settings.world_size == 1:
            return order
        return Dealt(order, settings.train_batch_size, settings.world_size, ranks.rank())

    def get_train_dataloader(self) -> Any:
        """The trainer's own; a resumed run reaches the sampler's epoch through accelerate's wrappers only by this name."""
        own: Any = super()
        loader = own.get_train_dataloader()
        dealt = getattr(loader.batch_sampler, "batch_sampler", None)
        if isinstance(dealt, Dealt):
            loader.batch_sampler.sampler = dealt
        return loader
