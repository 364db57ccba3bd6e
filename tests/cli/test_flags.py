"""Values of flags: whole numbers with their thousands grouped, empty values, the version."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.cli.main import main, parser
from snowball_core.errors import SnowballError
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
    verbs = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)).choices
    needs = {"bench": [], "export": ["RUN", "--to", "x"]}
    return [
        (verb, option.option_strings[0], needs.get(verb, ["RUN"]))
        for verb, made in verbs.items()
        for option in made._actions
        if option.type is not None and option.type.__name__ in ("whole", "int")  # type: ignore[union-attr]
    ]


@pytest.mark.parametrize(("verb", "flag", "needs"), whole_flags())
def test_every_whole_number_is_taken_with_its_thousands_grouped_and_nothing_else_is(
    verb: str, flag: str, needs: list[str]
) -> None:
    for text in ("1445", "1,445", "1_445", " 1,445 ", "1445.0"):
        assert getattr(parser().parse_args([verb, *needs, flag, text]), flag[2:]) == 1_445
    for text in ("1,44", "1445,", "14e2", "x", "", "9" * 5_000, "٣"):
        with pytest.raises(SnowballError, match=rf"argument {flag}: it must be a whole number such as 1445 or 1,445; got"):
            parser().parse_args([verb, *needs, flag, text])


def test_the_whole_numbers_are_those_of_steps_tokens_and_rounds() -> None:
    flags = {flag for _, flag, _ in whole_flags()}
    assert flags == {"--step", "--token", "--first", "--last", "--rounds", "--longer"}


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
    assert "must" in (told := capsys.readouterr().err) or "one of" in told
    assert list(elsewhere.iterdir()) == []


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from snowball_core import __version__

    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"Snowball {__version__}\n"


def test_two_steps_of_a_basis_stand_on_both_sides_of_the_comma(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["axes", run.id, "--of", "0, 20", "--json"]) == 0
    assert main(["axes", run.id, "--of", "1_445"]) == 2
    assert "step must be a recorded one; got 1,445" in capsys.readouterr().err
