"""Values of flags: whole numbers with their thousands grouped, empty values, the version."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from conftest import MakeRun

from snowball_core.cli.main import PROGRAM, SECTIONS, main
from snowball_core.store.run_folder import Run


@pytest.fixture
def run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return make_run()


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder outside the library."""
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(folder)
    return folder


def whole_flags() -> list[tuple[str, str, list[str]]]:
    """Verb, flag and what else the verb needs, for every option that takes a whole number."""
    needs = {"bench": [], "export": ["RUN", "--to", "x"], "bookmark": ["RUN", "7", "TEXT"]}
    return [
        (name, option.opts[0], needs.get(name, ["RUN"]))
        for name, verb in PROGRAM.commands.items()
        for option in verb.params
        if option.type.name == "whole" and isinstance(option, click.Option)
    ]


@pytest.mark.parametrize(("verb", "flag", "needs"), whole_flags())
def test_every_whole_number_is_taken_with_its_thousands_grouped_and_nothing_else_is(
    verb: str, flag: str, needs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("1445", "1,445", "1_445", " 1,445 ", "1445.0"):
        assert PROGRAM.commands[verb].make_context(verb, [*needs, flag, text]).params[flag[2:]] == 1_445
    for text in ("1,44", "1445,", "14e2", "x", "", "9" * 5_000, "٣"):
        assert main([verb, *needs, flag, text]) == 2
        assert f"argument {flag}: it must be a whole number such as 1445 or 1,445; got" in capsys.readouterr().err


def test_the_whole_numbers_are_those_of_steps_tokens_and_rounds() -> None:
    flags = {flag for _, flag, _ in whole_flags()}
    assert flags == {"--step", "--token", "--hole", "--first", "--last", "--rounds", "--longer"}


@pytest.mark.parametrize(
    "words",
    [
        *(["export", "RUN", "--to", ""], ["export", "RUN", "--to", "  "], ["export", "RUN", "--to", "x", "--only", ""]),
        *(["export", "RUN", "--to", "x", "--only", ", ,"], ["list", "--runs", ""], ["corpus", "gatsby", "--from", ""]),
        *(["compare", "RUN", "RUN", "--measure", ""], ["census", "RUN", "--key", ""], ["census", "RUN", "--corpus", ""]),
        *(
            ["import", ""],
            ["axes", "RUN", "--of", ""],
            ["census", "RUN", "--group", ""],
            ["export", "RUN", "--to", "x", "--unit", ""],
        ),
    ],
)
def test_an_empty_value_is_refused_and_nothing_is_written(
    run: Run, elsewhere: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([run.id if word == "RUN" else word for word in words]) == 2
    assert "must" in (output := capsys.readouterr().err) or "one of" in output
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: VERB"),
        (["--loud"], "unrecognized arguments: --loud"),
        (["sing"], "argument VERB: invalid choice: 'sing' (choose from 'presets', 'record', "),
        (["census"], "the following arguments are required: RUN"),
        (["export"], "the following arguments are required: RUN, --to"),
        (["export", "--to", "x"], "the following arguments are required: RUN"),
        (["census", "--loud", "RUN", "-x", "more"], "unrecognized arguments: --loud -x more"),
        (["census", "RUN", "--csv", "--json"], "argument --csv: expected one argument"),
        (["census", "RUN", "--csv"], "argument --csv: expected one argument"),
        (["census", "RUN", "--gro", "dead"], "unrecognized arguments: --gro dead"),
        (["import", ""], 'argument FILE: it must not be empty; got "". Give it a value or leave the flag out'),
        (["corpus", "hamlet"], "argument name: invalid choice: 'hamlet' (choose from 'gatsby')"),
        (["list", "--json=x"], "Option '--json' does not take a value"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(
    words: list[str], message: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(message)
    assert err.endswith('. "python -m snowball_core --help" lists the commands and their options.\n')
    assert list(elsewhere.iterdir()) == []


def test_what_looks_like_a_flag_can_be_a_value(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--label=--x"], ["--label", "- a"], ["--label", "-1e-5"]):
        assert main(["annotate", run.id, *words]) == 0
        assert words[-1].removeprefix("--label=") in capsys.readouterr().out
    assert main(["census", "--", "--x"]) == 2
    assert 'there is no run "--x"' in capsys.readouterr().err


def test_the_help_lists_every_verb_in_one_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == main(["-h"]) == 0
    text = capsys.readouterr().out
    assert [line[:-1] for line in text.splitlines() if line.endswith(":")][1:] == [*SECTIONS, "Options", *SECTIONS]
    for name, verb in PROGRAM.commands.items():
        assert text.count(f"  {name} ") == 2
        assert main([name, "--help"]) == 0
        assert str(verb.help) in " ".join(capsys.readouterr().out.split())


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from snowball_core import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"Snowball {__version__}\n"


def test_two_steps_of_a_basis_stand_on_both_sides_of_the_comma(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["axes", run.id, "--of", "0, 20", "--json"]) == 0
    assert main(["axes", run.id, "--of", "1_445"]) == 2
    assert "step must be a recorded one; got 1,445" in capsys.readouterr().err
