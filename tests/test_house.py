"""The tree itself: imports of frameworks, the README's map, tables of contents, and paths of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import snowball_core

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "snowball_core"


def modules_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def packages_in(folder: Path) -> set[Path]:
    return {path.parent for path in modules_in(folder) if path.name == "__init__.py"}


def printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_nothing_outside_training_imports_a_framework() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules_in(CORE)
        if path.parent != CORE / "training" and path.name != "__main__.py"
    ]
    assert len(names) > 100
    imports = "; ".join(f"import {name}" for name in names)
    assert (
        printed(f"{imports}; import sys; print([m for m in ('torch', 'transformers', 'streamlit') if m in sys.modules])")
        == "[]"
    )
    # The failing side: the same question finds torch behind a module that trains.
    assert printed("import snowball_core.training.precision, sys; print('torch' in sys.modules)") == "True"


def test_the_readmes_map_shows_every_folder_and_every_page() -> None:
    text = (ROOT / "README.md").read_text().split("<!-- map -->")[1].split("<!-- end of map -->")[0]
    lines = [line for line in text.splitlines() if line and not line.startswith("```")]
    assert len(lines) <= 40
    drawn: set[str] = set()
    above: list[str] = []
    for line in lines:
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r"\s*((?:[\w.]+/? ?)+?)(?:  |$)", line)
        assert names, line
        listed = names[1].split()
        drawn |= {"".join([*above[:depth], name]) for name in listed}
        above = [*above[:depth], listed[0]]
    packages = {
        f"{path.relative_to(ROOT)}/" for top in ("snowball_core", "pages", "benchmarks") for path in packages_in(ROOT / top)
    }
    pages = {f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py")} - {"pages/__init__.py"}
    assert drawn == packages | pages | {"app.py", "docs/", "runs/", "tests/"}


@pytest.mark.parametrize("top", ["snowball_core", "pages", "benchmarks"])
def test_every_module_opens_with_one_line_that_says_what_it_is(top: str) -> None:
    for path in modules_in(ROOT / top):
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, path
        first, _, rest = docstring.partition("\n")
        assert first.endswith("."), path
        assert not rest or rest.startswith("\n"), path


def test_a_packages_docstring_lists_its_modules() -> None:
    for package in packages_in(CORE) | {ROOT / "benchmarks"} | packages_in(ROOT / "pages" / "parts"):
        docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
        listed = {line.split()[0] for line in docstring.rsplit("\n\n", 1)[-1].splitlines() if line}
        there = {path.stem for path in package.glob("*.py") if not path.name.startswith("__")}
        there |= {path.name for path in packages_in(package) if path.parent == package}
        assert listed == there, package


def test_every_package_and_top_module_is_in_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    named = {name for line in layers for name in re.split(r"\s*[|:]\s*", line)}
    there = {path.relative_to(ROOT).as_posix() for path in packages_in(CORE) if path.parent == CORE}
    there |= {path.relative_to(ROOT).with_suffix("").as_posix() for path in CORE.glob("*.py") if path.name != "__init__.py"}
    assert named == {name.replace("/", ".") for name in there} | {"pages"}


def test_modules_are_attributes_of_their_packages_and_imported_when_requested() -> None:
    code = "import sys, snowball_core as s; print('numpy' in sys.modules); s.measures.census; print('numpy' in sys.modules)"
    assert printed(code).split() == ["False", "True"]
    assert {"census", "lineage"} <= set(dir(snowball_core.measures))
    with pytest.raises(AttributeError, match="has no attribute 'sensus'"):
        _ = snowball_core.measures.sensus


def test_no_text_of_the_project_names_a_path_of_somebodys_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split() if listed.returncode == 0 else []
    texts = [
        ROOT / name
        for name in names
        if Path(name).suffix in {".py", ".md", ".toml", ".txt", ".json"} and (ROOT / name).is_file()
    ]
    paths = [
        path.name
        for path in texts
        if path != Path(__file__) and (f"{ROOT}/" in path.read_text() or re.search(r"/(home|Users|root)/\w", path.read_text()))
    ]
    assert paths == []


def test_no_two_classes_have_one_name() -> None:
    names = [
        node.name
        for top in ("snowball_core", "pages", "benchmarks")
        for path in modules_in(ROOT / top)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
