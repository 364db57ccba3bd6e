"""Every number of a run, in one frozen place, with its unit, its bounds and what it leads to."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from .config_fields import described

EXTRAS = ("moment_hash", "hidden_mean", "dead_probability", "gradient_laws", "gradient", "exp_avg", "exp_avg_sq")


class InitialState(NamedTuple):
    """What follows from an initial state, and what its rows are: base + noise, base, built with the model, or given."""

    consequence: str
    rows: str


INITIAL_STATES = {
    "snowball": InitialState("each row is the base vector plus independent Gaussian noise of size sigma", "base + noise"),
    "singularity": InitialState("all rows are the base vector: one black hole of all tokens", "base"),
    "normal": InitialState("rows drawn independently from N(0, 0.02), as in GPT-2", "built"),
    "snapshot": InitialState(
        "W is a snapshot of another run, bit for bit; the other parameters are drawn from the seed", "given"
    ),
}


@dataclass(frozen=True)
class RunConfig:
    """Configuration of one run; the defaults are the corrected experiment.

    Each field's ``metadata`` is what :func:`~snowball_core.config_fields.described` took: group, help, unit, bounds and, for a
    choice, ``choices``: value → what follows from it. The command line's flags and the app's form are made from these, so a
    number is defined once.

    Examples
    --------
    >>> RunConfig(steps=100, until=10).last_step
    10
    """

    name: str = described(
        "",
        "run",
        "name used in the run's id: a-z, 0-9 and -",
        pattern=re.compile(r"([a-z0-9]+(-[a-z0-9]+)*)?"),
        longest=60,
        form="at most 60 letters a-z, digits and single hyphens",
        advice='Try "my-run-1".',
    )
    seed: int = described(42, "run", "seed of initial state and data order", minimum=0, maximum=2**31 - 1)
    steps: int = described(10_000, "run", "horizon of the learning-rate schedule", "steps", minimum=1, maximum=10_000_000)
    until: int | None = described(
        None, "run", "stop after this many steps, horizon unchanged; empty: the horizon", "steps", minimum=0
    )
    corpus: str = described("python-manual", "text", "a built-in text's name (python-manual, gatsby) or a file's path")
    corpus_errors: str = described(
        "strict",
        "text",
        "handling of non-ASCII bytes",
        choices={
            "strict": "raise an error with their position",
            "ignore": "drop them before training, as the original notebook did",
        },
    )
    vocab: int = described(128, "model", "token ids, one per byte value", "tokens", minimum=2, maximum=1_000_000)
    context: int = described(128, "model", "length of a training window", "tokens", minimum=2, maximum=65_536)
    batch: int = described(32, "training", "windows per step", "windows", minimum=1, maximum=65_536)
    hidden: int = described(64, "model", "components of a token vector", "components", minimum=1, maximum=65_536)
    layers: int = described(2, "model", "transformer blocks", "blocks", minimum=1, maximum=512)
    heads: int = described(2, "model", "attention heads; must divide hidden", "heads", minimum=1, maximum=1_024)
    norm_layer: str = described(
        "layernorm",
        "model",
        "normalization layer",
        choices={
            "layernorm": "removes mean and scale before each block, as in GPT-2",
            "rmsnorm": "removes only the scale: the common direction of all tokens is kept",
        },
    )
    tied: bool = described(True, "model", "embedding and unembedding are one matrix")
    matrix: str = described(
        "embedding",
        "recording",
        "matrix to record if they are not tied",
        choices={
            "embedding": "input side: if untied, a dead token's row has no gradient",
            "unembedding": "output side: every row has a gradient at every step",
        },
    )
    initial_state: str = described(
        "snowball",
        "initial state",
        "initial rows of W",
        choices={name: state.consequence for name, state in INITIAL_STATES.items()},
    )
    base: str = described(
        "normal",
        "initial state",
        "the base vector",
        choices={
            "normal": "drawn from N(0, 1); length about the square root of hidden",
            "unit": "drawn from N(0, 1), scaled to length 1",
        },
    )
    base_on_lattice: bool = described(False, "initial state", "round the base vector to bfloat16 before the noise is added")
    noise_dtype: str = described(
        "f32",
        "initial state",
        "format in which base and noise are summed",
        choices={
            "f32": "summed in float32, then rounded to the weights' format once",
            "bf16": "noise and base are rounded to bfloat16 first and summed there: small noise is lost",
        },
    )
    sigma: float = described(1e-5, "initial state", "standard deviation of the noise", "weight units", minimum=0.0, maximum=1e3)
    precision: str = described(
        "bf16-weights",
        "precision",
        "number formats of weights and optimizer state",
        choices={
            "pure-bf16": "weights, gradients and optimizer state in bfloat16: with beta2 0.999 a second moment can only rise",
            "bf16-weights": "weights and gradients in bfloat16, optimizer state and its arithmetic in float32",
            "mixed": "float32 master weights, rounded to bfloat16 for forward and backward: W is recorded in float32",
            "f32": "everything in float32: black holes need equal float32 bits",
        },
    )
    compute: str = described(
        "f32",
        "precision",
        "arithmetic of forward and backward",
        choices={
            "f32": "float32 arithmetic on exactly converted weights: fast on any processor",
            "bf16": "bfloat16 products with float32 sums: for processors with fast bfloat16 units, slow without them",
            "auto": "the faster of both on this machine, measured before the run starts",
        },
    )
    label_shift: int = described(
        1,
        "training",
        "offset of the predicted token",
        choices={
            1: "predict the next token",
            2: "predict the token after the next: the original notebook shifted the labels twice",
        },
    )
    loss_over: str = described(
        "predicted",
        "training",
        "divisor of the summed cross entropy",
        choices={
            "predicted": "predicted positions",
            "all": "all positions: with label shift 2 the loss is 1/context too low",
        },
    )
    optimizer: str = described(
        "adamw",
        "training",
        "update rule",
        choices={
            "adamw": "Adam with decoupled weight decay: step size independent of gradient size",
            "sgd": "plain gradient descent, weight decay in the gradient",
        },
    )
    learning_rate: float = described(1e-3, "training", "peak learning rate", minimum=0.0, maximum=1e3)
    schedule: str = described(
        "constant",
        "training",
        "learning-rate schedule",
        choices={
            "constant": "constant rate",
            "linear": "falls linearly to 0 at the horizon, where all weights stop changing",
            "cosine": "falls to 0 at the horizon along half a cosine; all weights stop changing there",
        },
    )
    warmup: int = described(0, "training", "steps of linear warmup from 0", "steps", minimum=0)
    weight_decay: float = described(0.01, "training", "decoupled weight decay (AdamW)", minimum=0.0, maximum=1e3)
    decay_on: str = described(
        "matrices",
        "training",
        "parameters with weight decay",
        choices={
            "matrices": "matrices and embeddings only, as in transformers' Trainer",
            "all": "also biases and normalization weights",
        },
    )
    beta1: float = described(0.9, "training", "decay of the first moment", minimum=0.0, below=1.0)
    beta2: float = described(0.999, "training", "decay of the second moment", minimum=0.0, below=1.0)
    eps: float = described(1e-8, "training", "added to the square root of the second moment", above=0.0, maximum=1.0)
    clip: float = described(1.0, "training", "maximum gradient norm; 0: no clipping", minimum=0.0)
    jiggle_sigma: float = described(
        0.0,
        "training",
        "standard deviation of Gaussian noise added after each step; 0: off",
        "weight units",
        minimum=0.0,
        maximum=1e3,
    )
    jiggle_rows: str = described(
        "dead",
        "training",
        "rows to which noise is added",
        choices={"dead": "rows of dead tokens only", "all": "all rows of the embedding matrix"},
    )
    record: str = described(
        "every",
        "recording",
        "recording schedule: every, every-K (K a number), or log",
        pattern=re.compile(r"every|every-[1-9][0-9]{0,8}|log"),
        form="every, every-K (K a positive number) or log",
        advice="Try every-10.",
    )
    extra: str = described(
        "moment_hash,hidden_mean,dead_probability",
        "recording",
        f"additional recordings, comma-separated ({', '.join(EXTRAS)}); empty: none",
        names=EXTRAS,
    )
    device: str = described(
        "auto",
        "machine",
        "auto, cpu, cuda, cuda:N or mps",
        pattern=re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,2})?"),
        form="auto, cpu, cuda, cuda:N or mps",
        advice="auto selects the fastest available.",
    )
    threads: int = described(0, "machine", "CPU threads; 0: one per core", "threads", minimum=0, maximum=1_024)

    @property
    def last_step(self) -> int:
        """The step after which the run is complete."""
        return self.steps if self.until is None else self.until

    @property
    def extras(self) -> tuple[str, ...]:
        """Names of the further recordings, in the order of :data:`EXTRAS`."""
        chosen = {word.strip() for word in self.extra.split(",")}
        return tuple(name for name in EXTRAS if name in chosen)

    @property
    def recorded_format(self) -> str:
        """The safetensors name of the format in which W is recorded, BF16 or F32."""
        return "BF16" if self.precision in ("pure-bf16", "bf16-weights") else "F32"

    @property
    def component_deviation(self) -> float:
        """Standard deviation of a component of W as it is drawn; of a snapshot that of the defaults."""
        if INITIAL_STATES[self.initial_state].rows == "built":
            return 0.02
        return 1.0 if self.base == "normal" else self.hidden**-0.5

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; :func:`~snowball_core.config_checks.from_json` gives an equal configuration back."""
        return dict(self.__dict__)


FIELDS = {field.name: field for field in dataclasses.fields(RunConfig)}
DEFAULTS = RunConfig()
