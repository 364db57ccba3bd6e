"""A list of tokens shows what was selected elsewhere; what the browser still sends of the list before is no choice."""

from __future__ import annotations

import pytest
from conftest import MakeRun
from paging import opened, sound, token_list

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("before", ["", "t3", "h2"])
def test_the_value_before_a_click_elsewhere_is_not_heard_as_a_choice(make_run: MakeRun, before: str) -> None:
    make_run()
    app = opened("lineage", step="12", **({"select": before} if before else {}))
    former = app._tree.get_widget_states()
    app.query_params["select"] = "h1"
    assert token_list(sound(app.run()), "Token").value == 1
    sound(app._run(former))
    assert app.query_params["select"] in ("h1", ["h1"])
    assert token_list(app, "Token").value == 1


def test_a_choice_is_heard_and_leaves_the_list_in_its_place(make_run: MakeRun) -> None:
    make_run()
    app = opened("lineage", step="12", select="h1")
    for token in (4, 2):
        key = token_list(app, "Token").key
        sound(token_list(app, "Token").set_value(token).run())
        assert app.query_params["select"] in (f"t{token}", [f"t{token}"])
        assert token_list(app, "Token").key == key, "whoever chooses by keys must not be thrown out of the list"
