"""The verbs of the library: list runs, label one, put it away, bring it back, lay configurations side by side."""

from __future__ import annotations

from ..errors import RunError
from .common import folder, open_named, say
from .parser import ID, Answer, argument, option, run_ids, switch, verb

_NAME_WIDTH = 24


@verb(
    "list",
    option("--group", "whose U, C and P: dead, live or all (default: dead)", ("dead", "live", "all"), default="dead"),
    option("--tag", "only runs with this tag"),
)
def list_runs(group: str, tag: str | None) -> Answer:
    """List runs: state, label, counts at start and end, size, tags."""
    from ..store.staging import sweep
    from ..store.trash import sweep_trash
    from ..tables.library import answer_of, run_rows
    from ..tables.run_summary import GROUPS

    if group not in GROUPS:
        raise RunError(f'a group is one of {", ".join(GROUPS)}; got "{group}".')
    sweep(folder())
    sweep_trash(folder())
    rows = [row for row in run_rows(folder()) if tag is None or tag in row.notes.tags]
    listed = [answer_of(row, group) for row in rows]
    for row in rows:
        if not row.is_run:
            say(f"{row.id:50} {row.status.state:12} {row.damage}")
            continue
        counts = row.glance.counts.get(group)
        pairs = zip("UCP", counts.first, counts.last, strict=True) if counts else ()
        ends = "  ".join(f"{name} {first:,} → {last:,}" for name, first, last in pairs)
        title = "" if row.title in (row.id, row.glance.name) else f'  "{row.title}"'
        tags = f"  [{', '.join(row.notes.tags)}]" if row.notes.tags else ""
        done = f"{row.status.step:>8,} of {row.status.last_step:,} steps"
        say(f"{row.id:50} {row.status.state:12} {done:24} {row.preset:20} {ends}{title}{tags}")
        if row.glance.forked_from:
            say(f"  {row.glance.forked_from}")
        if row.glance.diverged is not None:
            say(f"  diverged at step {row.glance.diverged:,}; counts are those of the last finite step")
        if row.damage:
            say(f"  {row.damage}")
    if any(row.is_run for row in rows):
        say(f"U, C and P of {group} tokens at the first and last snapshot")
    else:
        say('no runs yet: record one with "python -m snowball_core record"')
    return {"runs": listed}


@verb(
    "annotate",
    ID,
    option("--label", "display name; the run's id does not change. Empty: none"),
    option("--note", "free text. Empty: none"),
    option("--tags", "tags, comma-separated; replaces existing tags. Empty: none"),
)
def annotate(run: str, label: str | None, note: str | None, tags: str | None) -> Answer:
    """Set the label, note or tags of a run; recorded data do not change."""
    from ..store.notes import annotate, read_notes, tags_of
    from ..store.run_folder import run_path
    from ..store.run_names import named_id

    path, listed = run_path(folder(), named_id(run, folder())), None if tags is None else tags_of(tags)
    nothing = label is None and note is None and listed is None
    notes = read_notes(path) if nothing else annotate(path, label, note, listed)
    for name, text in (("label", notes.label), ("tags", ", ".join(notes.tags)), ("note", notes.note)):
        say(f"{name:8}{text or '(none)'}")
    return {"run": path.name, "label": notes.label, "note": notes.note, "tags": list(notes.tags)}


@verb("trash", ID)
def put_away(run: str) -> Answer:
    """Move a run to trash; undo with restore."""
    from ..store.run_names import named_id
    from ..store.trash import trash

    run = named_id(run, folder())
    trash(folder(), run)
    say(f'moved {run} to trash; undo with "python -m snowball_core restore {run}"')
    return {"run": run, "trashed": True}


@verb("restore", argument("ID", "the id of a run in the trash"))
def bring_back(run: str) -> Answer:
    """Restore a run from the trash."""
    from ..store.run_names import named_id
    from ..store.trash import restore

    run = named_id(run, folder())
    restore(folder(), run)
    say(f"restored {run}")
    return {"run": run, "trashed": False}


@verb("trashed")
def trashed() -> Answer:
    """List the runs in the trash."""
    names = _names_in_trash()
    for name in names or ["the trash is empty"]:
        say(name)
    return {"trashed": names}


@verb("empty-trash", switch("--yes", "confirm the deletion"))
def empty_trash(yes: bool) -> Answer:
    """Permanently delete the runs in the trash."""
    from ..store.trash import delete

    names = _names_in_trash()
    if names and not yes:
        listed = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        raise RunError(
            f"permanent deletion must be confirmed; the trash holds {len(names):,}: {listed}. Add --yes to delete them."
        )
    delete(folder(), names)
    say(f"{len(names):,} deleted")
    return {"deleted": names}


def _names_in_trash() -> list[str]:
    from ..store.trash import sweep_trash, trashed

    sweep_trash(folder())
    return [path.name for path in trashed(folder())]


@verb("differences", argument("RUN", "ids or folders of runs", run_ids, nargs=-1, required=True))
def differences(run: tuple[str, ...]) -> Answer:
    """Configuration fields that differ between runs."""
    from ..config_checks import config_differences
    from ..tables.draws import names_apart

    runs = [open_named(word) for word in run]
    fields = config_differences([each.config for each in runs])
    names = [each.id for each in runs]
    if len({each.path for each in runs}) == len(runs) > len(set(names)):
        names = names_apart([each.path for each in runs])
    width = max([len(name) for name in names], default=0) + 2
    say(" " * _NAME_WIDTH + "".join(name.ljust(width) for name in names))
    for name, values in fields.items():
        say(name.ljust(_NAME_WIDTH) + "".join(str(value).ljust(width) for value in values))
    if not fields:
        say("identical configurations")
    return {"runs": names, "fields": {name: list(values) for name, values in fields.items()}}
