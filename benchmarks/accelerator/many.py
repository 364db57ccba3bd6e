"""Many runs of one shape trained in one pass, which the trainer may or may not be able to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from snowball_core.training import trainer

from .sitting import Row, Sitting, not_run
from .times import PART, Timed, take_turns

# What a trainer of many runs offers: many(configs, corpus), whose advance() makes one step of every run.
MANY = "many"
_SIZES = (1, 8, 64, 256)


def many_runs(sitting: Sitting) -> Iterator[Row]:
    """Speeds of E = 1, 8, 64 and 256 runs in one pass, in steps of single runs."""
    make = getattr(trainer, MANY, None)
    ways = []
    for size in _SIZES:
        what = f"{size} {'run' if size == 1 else 'runs'} in one pass"
        if make is None:
            yield not_run(PART, what, "not built yet: the trainer trains one run at a time")
            continue
        configs = [replace(sitting.config, seed=sitting.config.seed + place) for place in range(size)]
        together = make(configs, sitting.corpus)
        ways.append(Timed(what, together.advance, members=size, finish=sitting.finish))
        ways[-1].warm_up()
    while take_turns(ways, sitting):
        pass
    for way in ways:
        has_target = sitting.is_target_card and way.members == 64 and bool(way.seconds)
        yield way.row("≥ 20,000", way.speed >= 20_000) if has_target else way.row()
