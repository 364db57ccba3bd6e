"""Every number of a run, in one frozen place, with its unit, its bounds and what it leads to."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigError

NAME_PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RECORD_PATTERN = re.compile(r"every|every-([1-9][0-9]{0,8})|log")
EXTRAS = ("moment_hash", "hidden_mean", "dead_probability", "gradient", "exp_avg", "exp_avg_sq")
DEVICE_PATTERN = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,2})?")


def _field(default: Any, group: str, help: str, unit: str = "", **limits: Any) -> Any:
    return dataclasses.field(default=default, metadata={"group": group, "help": help, "unit": unit, **limits})


@dataclass(frozen=True)
class RunConfig:
    """Configuration of one run; the defaults are the corrected experiment.

    Each field's ``metadata`` holds its ``group``, ``help``, ``unit``, bounds (``minimum``, ``above``, ``maximum``, ``below``)
    and, for a choice, ``choices``: value → what follows from it. The command line's flags and the app's form are made
    from these, so a number has one home.

    Examples
    --------
    >>> RunConfig(steps=100, until=10).last_step
    10
    """

    name: str = _field("", "run", "a word for the run's id: a-z, 0-9 and -")
    seed: int = _field(42, "run", "seed of initial state and data order", minimum=0, maximum=2**31 - 1)
    steps: int = _field(10_000, "run", "horizon of the learning-rate schedule", "steps", minimum=1, maximum=10_000_000)
    until: int | None = _field(
        None, "run", "stop after this many steps, horizon unchanged; empty: the horizon", "steps", minimum=0
    )
    corpus: str = _field("python-manual", "text", "a built-in text's name (python-manual, gatsby) or a file's path")
    corpus_errors: str = _field(
        "strict",
        "text",
        "what to do with bytes that are not ASCII",
        choices={
            "strict": "a text with such bytes is refused, with their position",
            "ignore": "such bytes are dropped before training, as the seed did",
        },
    )
    vocab: int = _field(128, "model", "token ids, one per byte value", "tokens", minimum=2, maximum=1_000_000)
    context: int = _field(128, "model", "length of a training window", "tokens", minimum=2, maximum=65_536)
    batch: int = _field(32, "training", "windows in one step", "windows", minimum=1, maximum=65_536)
    hidden: int = _field(64, "model", "components of a token vector", "components", minimum=1, maximum=65_536)
    layers: int = _field(2, "model", "transformer blocks", "blocks", minimum=1, maximum=512)
    heads: int = _field(2, "model", "attention heads; must divide hidden", "heads", minimum=1, maximum=1_024)
    norm_layer: str = _field(
        "layernorm",
        "model",
        "normalization layer",
        choices={
            "layernorm": "mean and scale are removed before each block, as in GPT-2",
            "rmsnorm": "only the scale is removed: the common direction of all tokens survives",
        },
    )
    tied: bool = _field(True, "model", "embedding and unembedding are one matrix")
    matrix: str = _field(
        "embedding",
        "recording",
        "which matrix is recorded when they are not tied",
        choices={
            "embedding": "the input side: untied, a dead token's row gets no gradient at all",
            "unembedding": "the output side: every row gets a gradient at every step",
        },
    )
    initial_state: str = _field(
        "snowball",
        "initial state",
        "where the rows of W start",
        choices={
            "snowball": "every row is one base vector plus its own Gaussian noise of size sigma",
            "singularity": "every row is the base vector: one black hole of all tokens",
            "normal": "every row is drawn on its own from N(0, 0.02), as GPT-2 does",
        },
    )
    base: str = _field(
        "normal",
        "initial state",
        "the base vector",
        choices={
            "normal": "drawn from N(0, 1), its length about the square root of hidden",
            "unit": "drawn from N(0, 1) and scaled to length 1",
        },
    )
    base_on_lattice: bool = _field(False, "initial state", "round the base vector to bfloat16 before the noise is added")
    noise_dtype: str = _field(
        "f32",
        "initial state",
        "format in which base and noise are summed",
        choices={
            "f32": "summed in float32, then rounded to the weights' format once",
            "bf16": "noise and base are rounded to bfloat16 first and summed there: small noise is swallowed",
        },
    )
    sigma: float = _field(1e-5, "initial state", "standard deviation of the noise", "weight units", minimum=0.0, maximum=1e3)
    precision: str = _field(
        "bf16-weights",
        "precision",
        "which numbers are kept in which format",
        choices={
            "pure-bf16": "weights, gradients and optimizer state in bfloat16: with beta2 0.999 a second moment can only rise",
            "bf16-weights": "weights and gradients in bfloat16, optimizer state and its arithmetic in float32",
            "mixed": "float32 master weights, rounded to bfloat16 for forward and backward: W is recorded in float32",
            "f32": "everything in float32: black holes need equal float32 bits",
        },
    )
    compute: str = _field(
        "f32",
        "precision",
        "arithmetic of forward and backward",
        choices={
            "f32": "float32 arithmetic on the exactly converted weights: fast on any processor",
            "bf16": "bfloat16 autocast of the stock model, as the seed's Trainer did: slow without bfloat16 units",
        },
    )
    label_shift: int = _field(
        1,
        "training",
        "how far ahead the predicted token is",
        choices={
            1: "predict the next token",
            2: "predict the token after the next: the seed's data set shifted the labels and the model shifted them again",
        },
    )
    loss_over: str = _field(
        "predicted",
        "training",
        "what the summed cross entropy is divided by",
        choices={
            "predicted": "the positions that were predicted",
            "all": "all positions, predicted or not: with label shift 2 the loss reads 1/context too low",
        },
    )
    optimizer: str = _field(
        "adamw",
        "training",
        "update rule",
        choices={
            "adamw": "Adam with decoupled weight decay: step size independent of the gradient's size",
            "sgd": "plain gradient descent, with weight decay in the gradient",
        },
    )
    learning_rate: float = _field(1e-3, "training", "peak learning rate", minimum=0.0, maximum=1e3)
    schedule: str = _field(
        "constant",
        "training",
        "course of the learning rate",
        choices={
            "constant": "the rate stays: what freezes, freezes by itself",
            "linear": "falls to 0 at the horizon: everything freezes there whatever the physics",
            "cosine": "falls to 0 along half a cosine: everything freezes there whatever the physics",
        },
    )
    warmup: int = _field(0, "training", "steps over which the rate rises from 0", "steps", minimum=0)
    weight_decay: float = _field(0.01, "training", "AdamW's decoupled decay", minimum=0.0, maximum=1e3)
    decay_on: str = _field(
        "matrices",
        "training",
        "which parameters decay",
        choices={
            "matrices": "matrices and embeddings only, as the Trainer does",
            "all": "biases and normalization weights too",
        },
    )
    beta1: float = _field(0.9, "training", "decay of the first moment", minimum=0.0, below=1.0)
    beta2: float = _field(0.999, "training", "decay of the second moment", minimum=0.0, below=1.0)
    eps: float = _field(1e-8, "training", "added to the root of the second moment", above=0.0, maximum=1.0)
    clip: float = _field(1.0, "training", "largest norm of the whole gradient; 0: no clipping", minimum=0.0)
    jiggle_sigma: float = _field(
        0.0, "training", "Gaussian noise added after each step; 0: off", "weight units", minimum=0.0, maximum=1e3
    )
    jiggle_rows: str = _field(
        "dead",
        "training",
        "which rows are jiggled",
        choices={"dead": "only the rows of dead tokens", "all": "every row of the embedding matrix"},
    )
    record: str = _field("every", "recording", "which steps are recorded: every, every-K (K a number), or log")
    extra: str = _field(
        "moment_hash,hidden_mean,dead_probability",
        "recording",
        f"further recordings, comma-separated ({', '.join(EXTRAS)}); empty: none",
    )
    device: str = _field("auto", "machine", "auto, cpu, cuda, cuda:N or mps")
    threads: int = _field(0, "machine", "processor threads; 0: one per core", "threads", minimum=0, maximum=1_024)

    @property
    def last_step(self) -> int:
        """The step after which the run is complete."""
        return self.steps if self.until is None else self.until

    @property
    def extras(self) -> tuple[str, ...]:
        """Names of the further recordings, in the order of :data:`EXTRAS`."""
        asked = {word.strip() for word in self.extra.split(",")}
        return tuple(name for name in EXTRAS if name in asked)

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; :func:`from_json` gives an equal configuration back."""
        return dataclasses.asdict(self)


FIELDS = {field.name: field for field in dataclasses.fields(RunConfig)}
DEFAULTS = RunConfig()

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {}
PRESETS["corrected"] = (
    "the experiment without the seed's faults: next-token labels, float32 optimizer state, constant rate (default)",
    {"name": "corrected"},
)
PRESETS["primordial-snowball"] = (
    "the published experiment, faults included: labels shifted twice, bfloat16 moments, rate falling to 0",
    {
        "name": "primordial-snowball",
        "corpus": "gatsby",
        "precision": "pure-bf16",
        "label_shift": 2,
        "loss_over": "all",
        "schedule": "linear",
    },
)
PRESETS["singularity"] = (
    "all tokens in one point of unit length, no noise, 5,000 steps, else as the published experiment",
    {
        **PRESETS["primordial-snowball"][1],
        "name": "singularity",
        "initial_state": "singularity",
        "base": "unit",
        "sigma": 0.0,
        "steps": 5_000,
    },
)
PRESETS["singularity-rmsnorm"] = (
    "the singularity with RMSNorm, which keeps the tokens' common direction",
    {**PRESETS["singularity"][1], "name": "singularity-rmsnorm", "norm_layer": "rmsnorm"},
)
PRESETS["jiggle"] = (
    "the published experiment with Gaussian noise of 1e-3 added to every dead row after every step",
    {**PRESETS["primordial-snowball"][1], "name": "jiggle", "jiggle_sigma": 1e-3},
)
DEFAULT_PRESET = "corrected"

SEED_FAULTS = {
    ("label_shift", 2): "labels shifted twice: the model learns to predict the token after the next",
    ("loss_over", "all"): "loss divided by positions that were never predicted",
    ("precision", "pure-bf16"): "optimizer state in bfloat16: its second moment can rise but never fall",
    ("schedule", "linear"): "the rate falls to 0, so everything freezes at the end whatever the physics",
    ("corpus_errors", "ignore"): "bytes that are not ASCII were dropped from the text",
}


def preset(name: str) -> RunConfig:
    """The configuration of a named preset.

    Raises
    ------
    ConfigError
        If there is no such preset; the message lists the known ones.
    """
    if name not in PRESETS:
        raise ConfigError([f'Unknown preset "{name}". Choose one of: {", ".join(PRESETS)}.'])
    return RunConfig(**PRESETS[name][1])


def faults_carried(config: RunConfig) -> list[str]:
    """The known faults of the published experiment that this configuration repeats, in plain words."""
    return [text for (field, value), text in SEED_FAULTS.items() if getattr(config, field) == value]


def consequences(config: RunConfig) -> dict[str, str]:
    """For every choice of the configuration, what follows from it in plain words."""
    listed = {name: field.metadata.get("choices") for name, field in FIELDS.items()}
    return {name: choices[getattr(config, name)] for name, choices in listed.items() if choices}


def from_json(fields: Mapping[str, Any]) -> RunConfig:
    """The checked configuration that a JSON object describes; absent fields take their defaults.

    Raises
    ------
    ConfigError
        With every fault: unknown fields, wrong types, numbers out of bounds, contradictions.
    """
    return configured(DEFAULTS, fields)


def configured(start: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """``start`` with some fields replaced; values may be text, as a form or a command line gives them.

    Raises
    ------
    ConfigError
        With every fault of the result at once.

    Examples
    --------
    >>> configured(DEFAULTS, {"steps": "300", "sigma": "1e-4"}).steps
    300
    """
    faults: list[str] = []
    parsed: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in FIELDS:
            faults.append(f'Unknown field "{name}". The fields are: {", ".join(FIELDS)}.')
            continue
        try:
            parsed[name] = _parsed(name, value)
        except ValueError as error:
            faults.append(str(error))
    config = dataclasses.replace(start, **parsed)
    faults += config_faults(config, skip=set(changes) - set(parsed))
    if faults:
        raise ConfigError(faults)
    return config


def config_faults(config: RunConfig, skip: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """Every reason why ``config`` cannot be run, one sentence each; empty if there is none.

    Parameters
    ----------
    config : RunConfig
    skip : set of str
        Fields already reported, not to be reported twice.
    """
    faults = [fault for name in FIELDS if name not in skip for fault in _field_faults(name, getattr(config, name))]
    if config.hidden >= 1 and config.heads >= 1 and config.hidden % config.heads:
        faults.append(
            f"hidden must be divisible by heads; got hidden {config.hidden} and heads {config.heads}. "
            f"Choose heads from {', '.join(str(h) for h in _divisors(config.hidden))}."
        )
    if config.until is not None and config.until > config.steps >= 1:
        faults.append(
            f"until must not exceed steps; got until {config.until:,} and steps {config.steps:,}. Raise steps or leave until empty."
        )
    if config.warmup > config.steps >= 1:
        faults.append(f"warmup must not exceed steps; got warmup {config.warmup:,} and steps {config.steps:,}.")
    if config.initial_state == "singularity" and config.sigma > 0:
        faults.append(
            f"a singularity has no noise: sigma must be 0; got {config.sigma:g}. Set sigma to 0 or choose the initial state snowball."
        )
    if config.tied and config.matrix == "unembedding":
        faults.append(
            "tied matrices are one matrix: matrix must be embedding; got unembedding. Untie them or record the embedding."
        )
    if config.optimizer == "sgd" and {"moment_hash", "exp_avg", "exp_avg_sq"} & set(config.extras):
        faults.append(
            "sgd keeps no moments: extra must not name moment_hash, exp_avg or exp_avg_sq; "
            f'got "{config.extra}". Use hidden_mean,dead_probability.'
        )
    return faults


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, min(number, 1_024) + 1) if number % d == 0]


def _field_faults(name: str, value: Any) -> list[str]:
    limits = FIELDS[name].metadata
    if value is None:
        return []
    if limits.get("choices") and value not in limits["choices"]:
        return [f'{name} must be one of {", ".join(str(c) for c in limits["choices"])}; got "{value}".']
    if name == "name" and value and not (NAME_PATTERN.fullmatch(value) and len(value) <= 60):
        return [f'name must be at most 60 letters a-z, digits and single hyphens; got "{value[:80]}". Try "my-run-1".']
    if name == "record" and not RECORD_PATTERN.fullmatch(value):
        return [f'record must be every, every-K (K a positive number) or log; got "{value}". Try every-10.']
    if name == "device" and not DEVICE_PATTERN.fullmatch(value):
        return [f'device must be auto, cpu, cuda, cuda:N or mps; got "{value}". auto picks the fastest there is.']
    if name == "extra":
        unknown = sorted({word.strip() for word in value.split(",")} - {*EXTRAS, ""})
        return [f"extra must name recordings among {', '.join(EXTRAS)}; got {', '.join(unknown)}."] if unknown else []
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    return _bound_faults(name, value, limits)


def _bound_faults(name: str, value: float, limits: Mapping[str, Any]) -> list[str]:
    if isinstance(value, float) and not math.isfinite(value):
        return [f"{name} must be a finite number; got {value}."]
    tests = [
        ("minimum", "at least", lambda bound: value >= bound),
        ("above", "greater than", lambda bound: value > bound),
        ("maximum", "at most", lambda bound: value <= bound),
        ("below", "less than", lambda bound: value < bound),
    ]
    broken = [f"{words} {limits[key]:,}" for key, words, holds in tests if key in limits and not holds(limits[key])]
    unit = f" {limits['unit']}" if limits["unit"] else ""
    return [f"{name} must be {' and '.join(broken)}{unit}; got {value:,}."] if broken else []


def _parsed(name: str, value: Any) -> Any:
    """``value`` in the type of the field; raises ``ValueError`` with the sentence to show."""
    default, limits = FIELDS[name].default, FIELDS[name].metadata
    if name == "until" and (value is None or (isinstance(value, str) and value.strip() == "")):
        return None
    if isinstance(default, bool):
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if (key := str(value).strip().lower()) not in words:
            raise ValueError(f'{name} must be true or false; got "{value}".')
        return words[key]
    if isinstance(default, int) or name == "until":
        return _whole(name, value, limits)
    if isinstance(default, float):
        return _real(name, value)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text; got {json.dumps(value, default=str)}.")
    return value.strip()


def _whole(name: str, value: Any, limits: Mapping[str, Any]) -> int:
    text = str(value).strip().replace(",", "").replace("_", "")
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?[0-9]{1,18}(\.0*)?", text):
        unit = f" of {limits['unit']}" if limits["unit"] else ""
        raise ValueError(f'{name} must be a whole number{unit}; got "{value}".')
    return int(text.split(".")[0])


def _real(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f'{name} must be a number; got "{value}". Write it as 0.001 or 1e-3.') from None
