"""Preparing a run: everything is checked before the first file is written, and a read-only folder is left alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest

import snowball_core.jobs.prepare as prepare_module
from snowball_core import config_checks
from snowball_core.cli.main import main
from snowball_core.config import RunConfig
from snowball_core.config_checks import configured
from snowball_core.errors import ConfigError, RunError
from snowball_core.jobs.prepare import prepare, request
from snowball_core.store.run_folder import create, open_run
from snowball_core.store.status import Status, hold, request_stop, require_writable, write_status


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def text(tmp_path):
    """A text of the bytes 0 to 3 cannot be text; this one uses a, b and a line end of a vocabulary of 100."""
    path = tmp_path / "text.txt"
    path.write_bytes(b"abba\n" * 20)
    return path


def tiny(text, **changes):
    return configured(RunConfig(), {"corpus": str(text), "vocab": 100, "context": 4, "hidden": 2, "steps": 3, **changes})


def test_a_prepared_run_is_queued_and_has_its_text_and_its_dead_tokens(folder, text):
    run = prepare(folder, tiny(text))
    assert run.manifest["dead_ids"] == [t for t in range(100) if t not in (10, 97, 98)]
    assert run.manifest["corpus"]["sha256"] == hashlib.sha256(text.read_bytes()).hexdigest()
    assert run.manifest["corpus"]["bytes"] == 100
    assert json.loads((run.path / "status.json").read_text())["state"] == "queued"


def test_a_path_given_from_here_is_kept_whole_so_that_it_is_found_from_anywhere(folder, text, monkeypatch):
    monkeypatch.chdir(text.parent)
    assert prepare(folder, tiny("text.txt")).config.corpus == str(text)


def test_faults_of_the_fields_and_of_the_text_are_reported_together_and_nothing_is_written(folder, text):
    wrong = dataclasses.replace(tiny(text), sigma=-1.0, steps=-3, vocab=50, context=200)
    with pytest.raises(ConfigError) as caught:
        prepare(folder, wrong)
    message = str(caught.value)
    for words in (
        "sigma must be at least 0",
        "steps must be at least 1",
        "vocab must exceed the largest byte",
        "longer than one window",
    ):
        assert words in message
    assert not folder.exists()


def test_a_form_gets_the_faults_of_its_fields_and_of_its_text_together(folder):
    with pytest.raises(ConfigError) as caught:
        request(folder, RunConfig(), {"sigma": "-1", "corpus": "/nowhere/text.txt", "nonsense": "1"})
    assert len(caught.value.faults) == 3
    assert '"/nowhere/text.txt" is neither' in str(caught.value)


def test_a_run_larger_than_the_disk_is_refused_and_nothing_is_written(folder, text):
    vast = tiny(text, hidden=65_536, steps=1_000_000, extra="gradient,exp_avg,exp_avg_sq")
    with pytest.raises(RunError, match=r"the disk must have room for the whole run; it needs .* MB and .* MB are free"):
        prepare(folder, vast)
    assert not folder.exists()


def test_while_read_only_nothing_can_be_created_held_or_stopped_but_everything_read(folder, text, monkeypatch):
    run = create(folder, RunConfig(name="tiny"), {"dead_ids": []})
    write_status(run.path, Status("stopped", 2, 3))
    before = sorted(folder.rglob("*"))
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    for change in (
        lambda: prepare(folder, tiny(text)),
        lambda: create(folder, RunConfig(name="tiny"), {}),
        lambda: hold(run.path).__enter__(),
        lambda: request_stop(run.path),
    ):
        with pytest.raises(
            RunError, match=r"read-only \(SNOWBALL_READONLY is set\): runs can be looked at\. Unset it to train\."
        ):
            change()
    assert sorted(folder.rglob("*")) == before
    assert open_run(folder, run.id).status().state == "stopped"


@pytest.mark.parametrize("value", ["", "0"])
def test_the_switch_set_to_nothing_or_zero_is_off(monkeypatch, value):
    monkeypatch.setenv("SNOWBALL_READONLY", value)
    require_writable()
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    with pytest.raises(RunError):
        require_writable()


def test_a_configuration_is_checked_and_its_text_read_once_on_the_way_to_a_worker_and_once_by_the_worker(
    folder, text, monkeypatch
):
    done = []

    def counting(name, function):
        return lambda *args, **kwargs: done.append(name) or function(*args, **kwargs)

    for module in (config_checks, prepare_module):
        monkeypatch.setattr(module, "config_faults", counting("checked", config_checks.config_faults))
    read = counting("read", prepare_module.load_corpus)
    monkeypatch.setattr(prepare_module, "load_corpus", read)
    form = {"corpus": str(text), "vocab": "100", "context": "4", "hidden": "2", "steps": "1"}
    corpora = {}

    def read_last(name, errors):
        return corpora[name] if name in corpora else corpora.setdefault(name, read(name, errors, folder / "corpora"))

    config = request(folder, RunConfig(), form, read_last)
    run = prepare(folder, config, read_last(config.corpus, config.corpus_errors))
    assert sorted(done) == ["checked", "read"]
    done.clear()
    assert main(["resume", run.id, "--runs", str(folder)]) == 0
    assert sorted(done) == ["checked", "read"]
