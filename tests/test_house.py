"""The house itself: who imports whom, what the app's side costs to import, and that the README's map is the tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APP_SIDE = [
    *("bf16", "identity", "errors", "config", "corpus", "tensorfile", "status", "schedules", "costs"),
    *("census", "geometry", "runs", "stage", "tables", "charts", "jobs", "commands"),
    *("answers", "measure_commands", "extent", "motion", "freezing", "lineage", "pairs", "levels", "causes", "cache"),
    *("flicker", "lanes", "step_axes", "lineage_data", "lineage_charts", "motion_tables", "motion_scene", "motion_charts"),
    *("memory", "preparing", "branching", "forking", "origins", "live", "turns"),
    *("viewpoint", "pictures", "parcel", "exhibit", "sheets", "plates", "animation", "projector", "methods", "report"),
    *("takeaways", "exporting", "export_commands", "observation", "step_tables", "event_tables", "findings", "laws"),
    *("verdict", "notebook", "axes", "shots", "frames", "story", "close_up", "long_tables", "blocks", "biography"),
    *("notes", "differences", "glance", "shelf", "trash", "shelf_commands", "distance_charts", "marked_charts"),
    "pointed_charts",
    *("draws", "likeness", "adam_bound", "comparison", "line_up", "compare_command", "overlay_charts", "epsilon", "glossary"),
]


def test_the_apps_side_imports_no_framework() -> None:
    imports = "; ".join(f"import snowball_core.{room}" for room in APP_SIDE)
    code = f"{imports}; import sys; print([m for m in ('torch', 'transformers', 'streamlit') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    # The failing side: the same question finds torch behind a room that trains.
    code = "import snowball_core.precision, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_readmes_map_is_the_tree() -> None:
    text = (ROOT / "README.md").read_text()
    drawn = set(re.findall(r"\b([a-z0-9_]+\.py)\b", text.split("<!-- map -->")[1].split("<!-- end of map -->")[0]))
    folders = [ROOT, ROOT / "pages", ROOT / "pages" / "parts", ROOT / "snowball_core"]
    there = {path.name for folder in folders for path in folder.glob("*.py")} - {"__init__.py"}
    assert drawn == there


def test_no_text_of_the_project_names_a_path_of_somebodys_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split() if listed.returncode == 0 else []
    texts = [
        ROOT / name
        for name in names
        if Path(name).suffix in {".py", ".md", ".toml", ".txt", ".json"} and (ROOT / name).is_file()
    ]
    found = [
        path.name
        for path in texts
        if path != Path(__file__) and (f"{ROOT}/" in path.read_text() or re.search(r"/(home|Users|root)/\w", path.read_text()))
    ]
    assert found == []
