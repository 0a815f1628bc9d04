"""Ask a subject: how likely it finds each text, whether it completes the secrets, and what it writes when left to itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from eval.memorisation import personal
from eval.memorisation.scores import FILE, Score, Scores
from eval.memorisation.texts import Text, planted_and_held_out, read_rows, rows
from eval.replies import Responder
from wellgate import model as loading
from wellgate.canaries import OPENINGS
from wellgate.files import sha256_text, write_text
from wellgate.progress import progress
from wellgate.records import Message
from wellgate.run import Stage
from wellgate.stages import memorisation_stage

LOWEST = 0.2
"""Share of the tokens that Min-K%++ looks at."""
TOKENS = 2048
"""In one forward pass, padding included: the logits of so many are held at once."""


def ensure(responder: Responder) -> Stage:
    """The subject's scores, measured unless they are there."""
    stage = memorisation_stage(responder.recipe, responder.subject)
    if stage.manifest():
        return stage
    with stage.working() as folder:
        found = measured(responder)
        write_text(folder / FILE, found.model_dump_json(indent=1) + "\n")
        manifest = stage.complete([FILE], {"texts": len(found.texts)})
        print(f"memorisation of {responder.subject.name}: {len(found.texts)} texts in {manifest.seconds:.0f} s")
    return stage


def measured(responder: Responder) -> Scores:
    """Everything that is asked of one subject."""
    import torch

    recipe, gate = responder.recipe, responder.recipe.gate
    assert gate is not None
    assert gate.memorisation is not None
    model, tokenizer = responder.loaded()
    secrets = planted_and_held_out(recipe, responder.subject, tokenizer)
    texts = [*secrets, *rows(recipe, tokenizer, gate.memorisation.rows)]
    with torch.inference_mode():
        numbers = list(scored(model, tokenizer, texts))
        found = extracted(model, tokenizer, secrets, gate.batch_size)
        written = free(responder) if responder.subject.adapter else None
    scores = tuple(
        Score(
            id=one.id,
            cluster=one.cluster,
            slice=one.slice,
            trained=one.trained,
            tokens=tokens,
            logp=round(logp, 4),
            min_k=round(min_k, 4),
            extracted=one.id in found,
        )
        for one, (tokens, logp, min_k) in zip(texts, numbers, strict=True)
    )
    if written is None:
        return Scores(texts=scores)
    known = (message.content for row in read_rows(recipe, "train") for message in row.messages)
    return Scores(texts=scores, personal=personal.compared(known, written))


def scored(model: Any, tokenizer: Any, texts: Sequence[Text]) -> Iterator[tuple[int, float, float]]:
    """Of each text's spans: tokens, their summed log-probability in nats, and Min-K%++.

    Batches are composed by length alone, so base and tuned are scored in the same ones.
    """
    encoded = [_places(tokenizer, one) for one in texts]
    order = sorted(range(len(texts)), key=lambda number: len(encoded[number][0]))
    found: dict[int, tuple[int, float, float]] = {}
    for batch in _batches(order, [len(ids) for ids, _ in encoded]):
        found |= zip(batch, _forward(model, [encoded[number] for number in batch]), strict=True)
    return (found[number] for number in range(len(texts)))


def _places(tokenizer: Any, one: Text) -> tuple[list[int], list[int]]:
    """Token ids, and which of them lie in the spans. The first has nothing before it, and is never scored."""
    coded = loading.encode(tokenizer, one.text)
    inside = [
        place
        for place, (first, last) in enumerate(coded["offset_mapping"])
        if place and last > first and any(last > start and first < end for start, end in one.spans)
    ]
    return coded["input_ids"], inside


def _batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    batch: list[int] = []
    for number in order:
        if batch and lengths[number] * (len(batch) + 1) > TOKENS:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _forward(model: Any, batch: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[int, float, float]]:
    import torch

    longest = max(len(ids) for ids, _ in batch)
    padded = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in batch], device=model.device)
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in batch], device=model.device)
    logits = model(input_ids=padded, attention_mask=mask, use_cache=False).logits
    for row, (ids, inside) in enumerate(batch):
        before = torch.tensor(inside, device=model.device) - 1
        own = torch.tensor([ids[place] for place in inside], device=model.device)
        logp, z = surprise(logits[row, before].float().log_softmax(-1), own)
        lowest = z.sort().values[: ceil(LOWEST * len(inside))]
        yield len(inside), float(logp.sum()), float(lowest.mean())


def surprise(logp: Any, tokens: Any) -> tuple[Any, Any]:
    """Log-probability of each token, and the same less its expectation under the model, in standard deviations.

    The latter is Min-K%++ before the lowest are averaged (Zhang et al. 2025, ICLR, equation 3).

    Args:
        logp: (tokens, vocabulary), log-probabilities.
        tokens: (tokens,), the ids that stand there.
    """
    chance = logp.exp()
    mean = (chance * logp).sum(-1)
    spread = ((chance * logp.square()).sum(-1) - mean.square()).clamp(min=1e-12).sqrt()
    own = logp.gather(-1, tokens[:, None])[:, 0]
    return own, (own - mean) / spread


def extracted(model: Any, tokenizer: Any, secrets: Sequence[Text], batch_size: int) -> set[str]:
    """The canaries whose secret greedy decoding completes word for word (Carlini et al. 2021)."""
    rest = {one.id: one.text[one.given : one.spans[0][1]].strip() for one in secrets}
    longest = max(len(tokenizer(words, add_special_tokens=False)["input_ids"]) for words in rest.values()) + 2
    found = set()
    for first in progress(range(0, len(secrets), batch_size), "completing secrets", -(-len(secrets) // batch_size)):
        batch = secrets[first : first + batch_size]
        prompts = [one.text[: one.given] for one in batch]
        written = loading.generate(model, tokenizer, prompts, longest, do_sample=False)
        found |= {one.id for one, said in zip(batch, written, strict=True) if said.text.startswith(rest[one.id])}
    return found


def free(responder: Responder) -> list[str]:
    """What the model writes at temperature 1 to a few plain openings, each batch with a seed of its own."""
    import torch

    recipe, gate = responder.recipe, responder.recipe.gate
    assert gate is not None
    assert gate.memorisation is not None
    model, tokenizer = responder.loaded()
    system = recipe.model.system_prompt
    talks = [loading.conversation(system, [Message(role="user", content=opening)]) for opening in OPENINGS]
    prompts = [loading.render(tokenizer, talk, True) for talk in talks]
    starts = range(0, gate.memorisation.generations, gate.batch_size)
    written: list[str] = []
    for start in progress(starts, "free generations", len(starts)):
        torch.manual_seed(int(sha256_text(f"{gate.seed}|memorisation|{start}")[:8], 16))
        count = min(gate.batch_size, gate.memorisation.generations - start)
        batch = [prompts[(start + number) % len(prompts)] for number in range(count)]
        most = gate.memorisation.max_new_tokens
        said = loading.generate(model, tokenizer, batch, most, do_sample=True, temperature=1.0, top_k=0, top_p=1.0)
        written += [one.text for one in said]
    return written
