"""Record or compare everything that users can get: ``python -m benchmarks.outputs RUN [RUN ...] --to FILE``.

Every command runs in a separate process on a copy of the library. The runs that are named are recorded in full, the others
in short; those that were stopped or killed are resumed. ``--to`` writes the list: the name of every output and the SHA-256 of
its bytes, what was normalised and why, what was left out and why. ``--against FILE`` prints every output that differs from a
list, is new or is gone, and ends with status 1 if there is any. Both may be given. Two lists can be compared where machine,
Python and packages are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .changes import CHANGED
from .commands import LEFT_OUT
from .normalised import OF_PAGES
from .recorded import OutputList

_SHOWN = 300


def differences(before: Mapping[str, str], after: Mapping[str, str], keep: Path | None) -> Iterator[str]:
    """A line for each output that is not the same in two lists, with the first place that differs where it is kept."""
    for name in sorted({*before, *after}):
        if name not in after:
            yield f"gone: {name}"
        elif name not in before:
            yield f"new: {name}"
        elif before[name] != after[name]:
            yield f"differs: {name}{_first(keep / before[name], keep / after[name]) if keep else ''}"


def _first(before: Path, after: Path) -> str:
    """The first line that differs in two kept texts; empty where one of them was not kept."""
    if not before.exists() or not after.exists():
        return ""
    lines = [file.read_bytes().decode(errors="replace").split("\n") for file in (before, after)]
    number = next((at for at, pair in enumerate(zip(*lines, strict=False)) if pair[0] != pair[1]), min(map(len, lines)))
    values = [each[number][:_SHOWN] if number < len(each) else "(nothing)" for each in lines]
    return f"\n  line {number + 1:,}, before: {values[0]}\n  line {number + 1:,}, after:  {values[1]}"


def command_of(name: str) -> str:
    """The command that an output is of, as ``--only`` names it; those that change a library are one."""
    return CHANGED if name.startswith(f"{CHANGED} ") else name.partition(" → ")[0]


def arguments() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    library = os.environ.get("SNOWBALL_RUNS") or "runs"
    parser.add_argument("run", nargs="+", metavar="RUN", help="two or more ids of the library")
    parser.add_argument("--runs", default=library, help="the library (default: SNOWBALL_RUNS or ./runs)")
    parser.add_argument("--to", metavar="FILE", type=Path, help="write the list there")
    parser.add_argument("--against", metavar="FILE", type=Path, help="compare with this list")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep every output there, in a file named after its SHA-256")
    parser.add_argument("--with-caches", action="store_true", help="copy what an earlier version derived from the runs, too")
    parser.add_argument("--only", metavar="REGEX", default="", help="commands to run, such as 'list|^pages'; with --against")
    args = parser.parse_args()
    if args.only and args.to:
        parser.error("a list is written of all commands: --to and --only exclude each other.")
    if args.against and json.loads(args.against.read_text())["runs"] != args.run:
        parser.error(f"a list is compared with one of the same runs, in the same order; {args.against} is of others.")
    return args


def write(file: Path, runs: Sequence[str], outputs: OutputList) -> None:
    """Write a list, and print what was normalised and left out."""
    for kind in outputs.kinds:
        print(f"normalised in {outputs.counts[kind.name]:,} outputs: {kind.name}: {kind.reason}")
    for what, reasons in (("normalised in pages", OF_PAGES), ("left out", LEFT_OUT)):
        print("\n".join(f"{what}: {name}: {reason}" for name, reason in reasons.items()))
    normalised = {kind.name: kind.reason for kind in outputs.kinds}
    record = {"runs": runs, "normalised": normalised, "normalised_in_pages": OF_PAGES, "left_out": LEFT_OUT}
    file.write_text(json.dumps({**record, "outputs": outputs.hashes}, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Record or compare; the exit status is 1 if an output differs."""
    args, began = arguments(), time.monotonic()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        outputs = OutputList(Path(os.path.realpath(folder)), args.keep)
        outputs.make(Path(os.path.realpath(args.runs)), args.run, args.with_caches, args.only)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = f"{time.monotonic() - began:,.0f} s, {used.ru_utime + used.ru_stime:,.0f} s of processors"
    print(f"{len(outputs.hashes):,} outputs in {seconds}")
    if args.to:
        write(args.to, args.run, outputs)
    if not args.against:
        return 0
    before = json.loads(args.against.read_text())["outputs"]
    known = {name: digest for name, digest in before.items() if re.search(args.only, command_of(name))}
    lines = list(differences(known, outputs.hashes, args.keep))
    print("\n".join([*lines, f"{len(lines):,} of {len(known):,} outputs differ"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
