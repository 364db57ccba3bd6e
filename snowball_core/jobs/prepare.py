"""What is checked before a run exists: its configuration with its text, and space on the disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..config import RunConfig
from ..config_checks import config_faults, configured, consequences, faults_carried
from ..costs import disk_bytes
from ..errors import ConfigError, CorpusError, RunError
from ..store.corpus import BUILT_IN, GATSBY, Corpus, load_corpus, text_path
from ..store.run_folder import Run, corpora_folder, create
from ..store.staging import require_room
from ..store.status import STARTING, Status, write_status
from .compute_choice import chosen

BUILT_INS = (BUILT_IN, GATSBY)
Read = Callable[[str, str], Corpus]
_NEEDS_FORK = (
    "the initial state snapshot is a matrix some run recorded; this configuration names none. "
    "Fork that run at the step you want, or choose snowball, singularity or normal."
)


def prepare(folder: Path, config: RunConfig, corpus: Corpus | None = None) -> Run:
    """A new, queued run: everything is checked first, and nothing is written if anything is wrong.

    A ``corpus`` that is given was read and checked together with the configuration.

    Raises
    ------
    ConfigError
        With every fault of the configuration and its corpus.
    RunError
        If the disk is too small or the folder cannot be written.
    """
    if config.initial_state == "snapshot":
        raise ConfigError([_NEEDS_FORK])
    return prepare_with(folder, config, corpus or checked_corpus(folder, config))


def prepare_with(
    folder: Path,
    config: RunConfig,
    corpus: Corpus,
    further: Mapping[str, Any] | None = None,
    fill: Callable[[Path], None] = lambda path: None,
) -> Run:
    """What :func:`prepare` does, with ``further`` entries for ``run.json`` and the files that ``fill`` puts into the folder."""
    advice = "Record fewer steps (record every-10 or log), free some space or choose another folder with --runs."
    require_room(folder, disk_bytes(config), advice)
    config = chosen(config).config
    if config.corpus not in BUILT_INS:
        config = replace(config, corpus=str(text_path(config.corpus, corpora_folder(folder)).expanduser().resolve()))
        _require_text(config.corpus)
    counts = corpus.byte_counts
    manifest = {
        "consequences": consequences(config),
        "faults_carried": faults_carried(config),
        "corpus": {
            "name": config.corpus,
            "bytes": len(corpus),
            "sha256": corpus.sha256,
            "byte_counts": counts.tolist(),
            "notes": list(corpus.notes),
        },
        "dead_ids": dead_tokens(corpus, config.vocab),
        **(further or {}),
    }

    def filled(path: Path) -> None:
        fill(path)
        write_status(path, Status("queued", last_step=config.last_step, message=STARTING))

    return create(folder, config, manifest, filled)


def _require_text(path: str) -> None:
    """Raise if the path of a text cannot be written in UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        printable = path.encode("utf-8", "backslashreplace").decode()
        raise ConfigError([f'the path of the text must be UTF-8; got "{printable}". Rename the file or its folder.']) from None


def request(folder: Path, start: RunConfig, changes: Mapping[str, Any], read: Read | None = None) -> RunConfig:
    """The configuration ``start`` with some fields replaced, checked together with its corpus.

    ``read`` reads a corpus, given its name and what to do with bytes it cannot have. A ConfigError lists every fault of the
    fields and of the corpus at once.
    """
    if start.initial_state != "snapshot" and changes.get("initial_state") == "snapshot":
        raise ConfigError([_NEEDS_FORK])
    try:
        config = configured(start, changes)
    except ConfigError as error:
        faults, config = list(error.faults), start
        for name in {"corpus", "corpus_errors", "vocab", "context"} & set(changes):
            with contextlib.suppress(ConfigError):
                config = configured(config, {name: changes[name]})
        raise ConfigError([*faults, *_read(folder, config, read)[1]]) from None
    if faults := _read(folder, config, read)[1]:
        raise ConfigError(faults)
    return config


def _read(folder: Path, config: RunConfig, read: Read | None = None) -> tuple[Corpus | None, list[str]]:
    """The corpus of a configuration, and why it cannot be trained on."""
    try:
        if read is None:
            corpus = load_corpus(config.corpus, config.corpus_errors, corpora_folder(folder))
        else:
            corpus = read(config.corpus, config.corpus_errors)
    except CorpusError as error:
        return None, [str(error)]
    return corpus, corpus.faults(config.vocab, config.context)


def checked_corpus(folder: Path, config: RunConfig, is_checked: bool = False) -> Corpus:
    """The corpus of a configuration, both checked; the configuration of a run was when the run was read."""
    corpus, faults = _read(folder, config)
    faults = [*([] if is_checked else config_faults(config)), *faults]
    if corpus is None or faults:
        raise ConfigError(faults)
    return corpus


def require_text(corpus: Corpus, run: Run, rule: str, advice: str) -> None:
    """Refuse a text that is another than the one a run is trained on."""
    if corpus.sha256 != (begun := run.text_sha256):
        raise RunError(
            f'{rule}; "{corpus.name}" now has SHA-256 {corpus.sha256[:12]}…, the run started with {begun[:12]}…. {advice}'
        )


def dead_tokens(corpus: Corpus, vocab: int) -> list[int]:
    """Tokens that never occur in the ids trained on, as input or target.

    Every position of the text lies in some window, so this depends on the text alone.
    """
    return np.flatnonzero(corpus.is_missing(vocab)).tolist()
