"""The whole benchmark, a row a line as JSON after a line about the machine; ``python -m snowball_core bench`` starts this.

``python -m benchmarks RUNS ROUNDS LONGER``: the runs folder, counted rounds of each timing, recorded steps of the memory row.
``python -m benchmarks accelerator``: what the accelerator computes and how fast; its ``--help`` lists the options.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from snowball_core.errors import SnowballError

if TYPE_CHECKING:
    from .training import Timing

_SHIPPED = Path(__file__).resolve().parent.parent / "runs"


def rows(folder: Path, rounds: int, longer: int) -> Iterator[Timing]:
    """All rows; those about a recorded history only where the shipped run is there."""
    from snowball_core.store.files.tensor_file import open_tensor

    from .app import app_rows
    from .library import library_rows
    from .measures import measure_rows
    from .training import benchmark

    example = next(_SHIPPED.glob("*-primordial-snowball/history.safetensors"), None)
    measures = measure_rows(open_tensor(example).words) if example else ()
    app = app_rows(example.parent, rounds) if example else ()
    return chain(benchmark(folder, rounds, longer), measures, library_rows(), app)


def main() -> int:
    """Print everything; 130 after Ctrl-C, 2 after an error that a user can mend. The accelerator's benchmark has its own."""
    # Each of the two imports only what it needs: the accelerator's runs where little is installed.
    if sys.argv[1:2] == ["accelerator"]:
        began = time.monotonic()
        from .accelerator.command import main as accelerator

        return accelerator(sys.argv[2:], began)
    from .training import machine

    try:
        print(json.dumps({"machine": machine()}), flush=True)
        for row in rows(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])):
            print(json.dumps(asdict(row)), flush=True)
    except KeyboardInterrupt:
        return 130
    except SnowballError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
