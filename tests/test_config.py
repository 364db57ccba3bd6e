"""Configuration: reading, checking, writing, and every fault at once."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snowball_core.config import DEFAULTS, FIELDS, RunConfig
from snowball_core.config_checks import config_faults, configured, consequences, from_json, preset
from snowball_core.errors import ConfigError, SnowballError


def faults_of(**changes):
    with pytest.raises(ConfigError) as caught:
        configured(DEFAULTS, changes)
    return list(caught.value.faults)


def the_fault_of(**changes):
    (fault,) = faults_of(**changes)
    return fault


def any_value(field):
    limits = field.metadata
    if limits.get("choices"):
        return st.sampled_from(list(limits["choices"]))
    if isinstance(field.default, bool):
        return st.booleans()
    if isinstance(field.default, int):
        return st.integers(limits["minimum"], limits.get("maximum", 10**6))
    if isinstance(field.default, float):
        return st.floats(
            limits.get("minimum", 0.0), limits.get("maximum", limits.get("below", 1e6)), exclude_max="below" in limits
        )
    return {
        "name": st.from_regex(r"[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,3}", fullmatch=True),
        "until": st.none() | st.integers(0, 100),
        "corpus": st.text(min_size=1).filter(lambda text: text == text.strip()),
        "record": st.sampled_from(["every", "log"]) | st.integers(1, 999).map("every-{}".format),
        "extra": st.lists(st.sampled_from(["hidden_mean", "dead_probability", "gradient"])).map(",".join),
        "device": st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:3"]),
    }[field.name]


@given(st.fixed_dictionaries({}, optional={name: any_value(field) for name, field in FIELDS.items()}))
@settings(deadline=None, max_examples=30)
def test_a_configuration_survives_json_exactly(changes):
    config = dataclasses.replace(DEFAULTS, **changes)
    assume(not config_faults(config))
    assert from_json(json.loads(json.dumps(config.to_json()))) == config


@given(st.fixed_dictionaries({}, optional={name: any_value(field) for name, field in FIELDS.items()}))
@settings(deadline=None, max_examples=30)
def test_a_configuration_written_as_text_is_read_back_exactly(changes):
    config = dataclasses.replace(DEFAULTS, **changes)
    assume(not config_faults(config))
    as_text = {name: "" if value is None else str(value) for name, value in config.to_json().items()}
    assert configured(DEFAULTS, as_text) == config


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from(list(FIELDS)) | st.text(max_size=8), ANYTHING, max_size=4))
@settings(deadline=None, max_examples=120)
def test_any_json_at_all_is_a_valid_configuration_or_a_config_error(content):
    try:
        faults = config_faults(from_json(content))
    except ConfigError as error:
        faults = [] if error.faults else ["refused without a reason"]
    assert faults == []


@pytest.mark.parametrize("content", [[], "steps", 3, None, [["steps", 3]]])
def test_what_is_no_object_is_refused(content):
    with pytest.raises(ConfigError, match=r"must be an object of fields and values"):
        from_json(content)


def test_all_faults_are_reported_at_once():
    faults = faults_of(sigma="-1", steps="-5", learning_rate="-1e-3", hidden="65", record="sometimes", name="A b", nonsense="1")
    message = "\n".join(faults)
    assert len(faults) == 7
    for words in (
        "sigma must be at least 0",
        "steps must be at least 1",
        "learning_rate must be at least 0",
        "hidden must be divisible by heads; got hidden 65 and heads 2",
        "record must be every, every-K",
        "name must be at most 60 letters",
        'Unknown field "nonsense"',
    ):
        assert words in message


def test_several_faults_are_counted_and_listed_and_one_fault_is_not_numbered():
    with pytest.raises(ConfigError) as two:
        configured(DEFAULTS, {"steps": 0, "batch": 0})
    with pytest.raises(ConfigError) as one:
        configured(DEFAULTS, {"steps": 0})
    assert str(two.value).startswith("2 things must change before this run can start:\n  - steps must be at least 1; got 0.")
    assert str(one.value) == "steps must be at least 1; got 0."
    assert isinstance(one.value, SnowballError)


def test_an_unknown_field_lists_the_known_ones():
    fault = the_fault_of(learning_rte="1")
    assert 'Unknown field "learning_rte"' in fault
    assert all(field.name in fault for field in dataclasses.fields(RunConfig))


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r'Unknown preset "snow".*corrected, primordial-snowball, singularity'):
        preset("snow")


@pytest.mark.parametrize("text", ["300", " 300 ", "+300", "300.0", 300, 300.0])
def test_a_whole_number_may_be_written_in_several_ways(text):
    assert configured(DEFAULTS, {"steps": text}).steps == 300


def test_thousands_may_be_grouped_by_commas_or_underscores():
    assert configured(DEFAULTS, {"steps": "1,000"}).steps == configured(DEFAULTS, {"steps": "1_000"}).steps == 1000


@pytest.mark.parametrize(
    "text",
    ["1.5", "1,5", "1e3", "", " ", "ten", "nan", "inf", "1e400", "--1", "٣", "0x10", 1.5, None, [], [3], {}, True, 10**400],
)
def test_what_is_no_whole_number_is_refused_with_what_was_given(text):
    fault = the_fault_of(steps=text)
    assert fault.startswith("steps must be a whole number of steps; got")
    assert str(text)[:80] in fault
    assert len(fault) < 200


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(text):
    assert the_fault_of(sigma=text).startswith("sigma must be a finite number; got")


@pytest.mark.parametrize("text", ["", "0,001", "ten", None, [], [0.1], {}, True, 10**400])
def test_what_is_no_number_is_refused_with_an_example_of_one(text):
    fault = the_fault_of(learning_rate=text)
    assert fault.startswith("learning_rate must be a number; got")
    assert "Write it as 0.001 or 1e-3." in fault


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), (" .5 ", 0.5), (1, 1.0), ("0", 0.0)])
def test_a_number_may_be_written_in_several_ways(text, value):
    read = configured(DEFAULTS, {"learning_rate": text}).learning_rate
    assert (read, type(read)) == (value, float)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("Yes", True), (1, True), (False, False), ("no", False), ("0", False)]
)
def test_truths_may_be_written_in_several_ways(text, value):
    assert configured(DEFAULTS, {"base_on_lattice": text}).base_on_lattice is value


@pytest.mark.parametrize("text", ["maybe", "", None, 2, [], 1.0])
def test_what_is_neither_true_nor_false_is_refused(text):
    assert the_fault_of(tied=text).startswith("tied must be true or false; got")


@pytest.mark.parametrize("value", [None, 5, [], {"a": 1}, True])
def test_text_must_be_text(value):
    assert the_fault_of(corpus=value) == f"corpus must be text; got {json.dumps(value)}."


@pytest.mark.parametrize("text", ["", " ", None])
def test_until_may_be_empty_and_then_the_horizon_is_the_end(text):
    config = configured(RunConfig(until=5), {"until": text, "steps": 30})
    assert (config.until, config.last_step) == (None, 30)


def test_until_zero_records_the_initial_state_alone():
    assert configured(DEFAULTS, {"until": "0"}).last_step == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"until": 11, "steps": 10}, "until must not exceed steps; got until 11 and steps 10. Raise steps"),
        ({"warmup": 11, "steps": 10}, "warmup must not exceed steps; got warmup 11 and steps 10. Shorten warmup"),
        (
            {"hidden": 6, "heads": 4},
            "hidden must be divisible by heads; got hidden 6 and heads 4. Choose heads from 1, 2, 3, 6.",
        ),
        ({"initial_state": "singularity"}, "a singularity has no noise: sigma must be 0; got 1e-05. Set sigma to 0"),
        ({"matrix": "unembedding"}, "tied matrices are one matrix: matrix must be embedding; got unembedding. Untie them"),
        ({"optimizer": "sgd"}, "sgd keeps no moments: extra must not name moment_hash"),
        ({"extra": "hidden_mean,nothing"}, "extra must name recordings among moment_hash"),
        ({"beta2": 1}, "beta2 must be less than 1.0; got 1.0."),
        ({"eps": 0}, "eps must be greater than 0.0; got 0.0."),
        ({"vocab": 1}, "vocab must be at least 2 tokens; got 1."),
        ({"steps": "20,000,000"}, "steps must be at most 10,000,000; got 20,000,000."),
        ({"label_shift": 3}, 'label_shift must be one of 1, 2; got "3".'),
        ({"precision": "f16"}, 'precision must be one of pure-bf16, bf16-weights, mixed, f32; got "f16".'),
        ({"record": "every-0"}, 'got "every-0". Try every-10.'),
        ({"device": "gpu"}, 'device must be auto, cpu, cuda, cuda:N or mps; got "gpu".'),
        ({"name": "x" * 61}, "name must be at most 60 letters"),
        ({"name": "../x"}, 'got "../x". Try "my-run-1".'),
    ],
)
def test_each_mistake_has_its_sentence(changes, words):
    assert words in the_fault_of(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"until": 10, "steps": 10},
        {"warmup": 10, "steps": 10},
        {"hidden": 6, "heads": 3},
        {"initial_state": "singularity", "sigma": 0},
        {"matrix": "unembedding", "tied": "no"},
        {"optimizer": "sgd", "extra": "hidden_mean"},
        {"extra": ""},
        {"beta2": "0.9999"},
        {"name": "x" * 60},
        {"record": "every-1000"},
    ],
)
def test_what_is_just_inside_the_bounds_is_taken(changes):
    assert config_faults(configured(DEFAULTS, changes)) == []


def test_a_field_that_could_not_be_read_is_not_blamed_twice():
    assert len(faults_of(hidden="many", heads=3)) == 1
    assert len(faults_of(steps=-1, until=5)) == 1


def test_every_choice_says_what_follows_from_it():
    message = consequences(RunConfig(schedule="linear"))
    switches = {"tied", "base_on_lattice", "warmup", "weight_decay", "clip", "jiggle_sigma"}
    assert set(message) == {name for name, field in FIELDS.items() if field.metadata.get("choices")} | switches
    assert message["jiggle_sigma"] != consequences(RunConfig(jiggle_sigma=1e-3))["jiggle_sigma"]
    assert "everything freezes" in message["schedule"]
    assert message["schedule"] != consequences(RunConfig(schedule="constant"))["schedule"]


def test_every_field_has_a_help_text_and_a_group():
    for field in FIELDS.values():
        assert field.metadata["help"]
        assert field.metadata["group"]


def test_further_recordings_keep_one_order_however_they_are_requested():
    config = configured(DEFAULTS, {"extra": " exp_avg , hidden_mean,exp_avg"})
    assert config.extras == ("hidden_mean", "exp_avg")
    assert RunConfig(extra="").extras == ()


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULTS.steps = 1
