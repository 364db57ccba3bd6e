"""The methods paragraph: everything a reader needs to record the same bits again, to paste into a paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import __version__
from ..config import RunConfig
from ..config_checks import faults_of_run
from ..costs import parameter_count
from ..measures.bf16 import format_of
from ..schedules import recorded_steps
from ..store.history import History
from ..store.manifest import configuration_hash
from ..store.origin import origin_of, origin_sentence
from ..tables.divergence import divergence
from .view import manifest_of

_DEFINITIONS = (
    "Two rows of the matrix are the same vector if their bits are equal; a black hole is a vector shared by two or more "
    "tokens (C black holes holding P tokens, S singletons, U = C + S vectors). A dead token never occurs in the training "
    "text. Distances are L∞ over components, in weight units or in cells, steps on the lattice of the number format. This "
    "is a single run: another seed, device or thread count gives a different history."
)
_LATEX = {
    "\\": r"\textbackslash{}",
    "∞": r"$_\infty$",
    "→": r"$\to$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": r"$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def methods(history: History) -> str:
    """The paragraph as plain text, as far as the history is known.

    Names the model, text, precision, optimizer, schedule, seeds, versions, machine, what was recorded and what was not, the
    faults carried, and the hashes of configuration, text and history.
    """
    if history.config is None:
        parts = [_recorded(history), _lost(history), "It is a foreign history: its training is unknown.", _DEFINITIONS]
        return " ".join(part for part in parts if part)
    manifest = manifest_of(history)
    parts = [
        _model(history.config, int(history.steps[-1])),
        _text(history.config, manifest),
        _precision(history.config, manifest),
        _optimizer(history.config),
        _fork(history.config, manifest),
        _recorded(history),
        _lost(history),
        _origin(history.config, manifest),
        _hashes(history.config, manifest),
        _faults(history.config, manifest),
        f"Damage of its files: {' '.join(history.damage)}" if history.damage else "",
        _DEFINITIONS,
    ]
    return " ".join(part for part in parts if part)


def _model(config: RunConfig, last: int) -> str:
    tied = "tied" if config.tied else f"untied (the {config.matrix} matrix is recorded)"
    lattice = "on" if config.base_on_lattice else "off"
    jiggle = ""
    if config.jiggle_sigma:
        jiggle = (
            f" Gaussian noise of standard deviation {config.jiggle_sigma} is added to {config.jiggle_rows} rows every step."
        )
    drawn = (
        f"as {config.initial_state} (base {config.base}, {lattice} the bfloat16 lattice, noise in {config.noise_dtype}, "
        f"sigma {config.sigma})"
    )
    began = "with a snapshot of another run" if config.initial_state == "snapshot" else drawn
    return (
        f"A GPT-2 with {parameter_count(config):,} parameters (vocabulary {config.vocab:,}, hidden size {config.hidden:,}, "
        f"{config.layers:,} layers, {config.heads:,} heads, context {config.context:,}, {config.norm_layer}, {tied} "
        f"embeddings) was trained to step {last:,} of {config.steps:,} scheduled steps. The embedding matrix was initialized "
        f"{began}.{jiggle}"
    )


def _fork(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    """Where the run was forked, and where its parents were, with the hashes."""
    told_of, origin = [], origin_of(manifest)
    while origin is not None:
        history = f", of its whole history {origin.history_sha256}" if origin.history_sha256 else ""
        told_of.append(f"{origin_sentence(origin, config)} SHA-256 of the matrix there {origin.matrix_sha256}{history}.")
        config, origin = origin.before, origin.earlier
    return " ".join(told_of)


def _text(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    text = manifest.get("corpus", {})
    dead = len(manifest.get("dead_ids", []))
    return (
        f"The text is {_short_name(str(text.get('name', config.corpus)))} ({int(text.get('bytes', 0)):,} bytes, "
        f"SHA-256 {text.get('sha256', 'unknown')}), read as bytes: {config.vocab - dead:,} tokens live, {dead:,} dead."
    )


def _short_name(corpus: str) -> str:
    """A text's name; of a path only the last part, for privacy."""
    return re.split(r"[\\/]", corpus)[-1]


def _precision(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    known = dict(manifest.get("provenance") or {}).get("dtypes") or {"compute": config.compute}
    named = ", ".join(f"{str(name).replace('_', ' ')} {kind}" for name, kind in dict(known).items())
    return f"Precision {config.precision}: {named}."


def _optimizer(config: RunConfig) -> str:
    constants = f"betas {config.beta1}, {config.beta2}, eps {config.eps}" if config.optimizer == "adamw" else "no momentum"
    return (
        f"Optimizer {config.optimizer} ({constants}), learning rate {config.learning_rate}, schedule {config.schedule}, "
        f"{config.warmup:,} warm-up steps, weight decay {config.weight_decay} on {config.decay_on}, gradient clip {config.clip}"
        f", batch {config.batch:,}, label shift {config.label_shift}, loss averaged over {config.loss_over} positions."
    )


def _recorded(history: History) -> str:
    count, vocab, hidden = history.words.shape
    layout = format_of(history.words).name
    held = f"{count:,} snapshot{'s' * (count > 1)}"
    head = f"The history {history.id} holds {held} of a {vocab:,} × {hidden:,} embedding matrix in {layout}"
    if history.config is None:
        return f"{head}, numbered {history.steps[0]:,} to {history.steps[-1]:,}."
    last, planned = history.config.last_step, len(recorded_steps(history.config))
    thinned = (
        "every step" if planned == last + 1 else f"thinned: {planned:,} of {last + 1:,} steps, schedule {history.config.record}"
    )
    short = "" if count == planned else f"; {planned - count:,} snapshots of the schedule are missing"
    steps = f"steps {history.steps[0]:,} to {history.steps[-1]:,}" if count > 1 else f"step {history.steps[0]:,}"
    return f"{head}, {steps} ({thinned}{short})."


def _lost(history: History) -> str:
    """Where the run diverged."""
    lost = divergence(history, "all")
    return f"{lost.text}." if lost else ""


def _origin(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    known = manifest.get("provenance")
    if not isinstance(known, Mapping):
        return f"Exported with Snowball {__version__}; the versions it was recorded with are unknown. Seed {config.seed}."
    versions = ", ".join(f"{name} {known[name]}" for name in ("torch", "transformers", "numpy", "safetensors") if name in known)
    seeds = ", ".join(f"{str(name).replace('_', ' ')} {seed}" for name, seed in dict(known.get("seeds", {})).items())
    names = ("snowball", "python", "device", "device_name", "cpu_capability", "threads")
    facts = {name: known.get(name, "unknown") for name in names}
    features = "".join(f" {feature}" for feature in known.get("cpu_features", []))
    return (
        f"It was recorded with Snowball {facts['snowball']} (Python {facts['python']}, {versions}) on {facts['device']} "
        f"({facts['device_name']}, {facts['cpu_capability']}; processor features{features or ' unknown'}), "
        f"{facts['threads']} threads; seeds: {seeds or config.seed}."
    )


def _hashes(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    files = manifest.get("sha256", {})
    history = dict(files).get("history.safetensors") if isinstance(files, Mapping) else None
    of_history = (
        f"SHA-256 of history.safetensors {history}." if history else "The run is not complete and has no history hash yet."
    )
    return f"SHA-256 of the configuration {configuration_hash(config)}. {of_history}"


def _faults(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    if "faults_carried" not in manifest:
        return ""
    faults = faults_of_run(config, [str(fault) for fault in manifest["faults_carried"]])
    return (
        f"Known bugs of the published code reproduced: {'; '.join(faults)}."
        if faults
        else ("No known bugs of the published code reproduced.")
    )


def markdown(text: str) -> str:
    r"""The paragraph with Markdown's special characters escaped.

    Examples
    --------
    >>> markdown("a_b *c*").rstrip()
    'a\\_b \\*c\\*'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text) + "\n"


def latex(text: str) -> str:
    r"""The paragraph for LaTeX: reserved characters and signs outside ASCII are written as commands.

    Examples
    --------
    >>> latex("50 % of a_b")
    '50 \\% of a\\_b\n'
    """
    return "".join(_LATEX.get(sign, sign) for sign in text) + "\n"
