"""The keys of a scenario file as data, against scenarios that are loaded."""

import json

import pytest
import yaml

from edge_llm_gym.scenario import ScenarioError, load_scenario, scenario_names
from edge_llm_gym.scenario.keys import chosen_keys, key_paths, scenario_keys

OPEN = ("reward", "arrivals.columns", "lengths.columns")
"""Mappings whose keys are names."""


def paths_of(data, path=""):
    """Dotted paths of all values in plain data, with * for the index in a list of mappings."""
    if path in OPEN or not isinstance(data, dict):
        return {path}
    found = {path} - {""}
    for name, value in data.items():
        own = f"{path}.{name}".lstrip(".")
        items = value if isinstance(value, list) and value and isinstance(value[0], dict) else None
        found |= {own}.union(*(paths_of(item, f"{own}.*") - {f"{own}.*"} for item in items)) if items else set()
        found |= paths_of(value, own) if items is None else set()
    return found


@pytest.mark.parametrize("name", scenario_names())
def test_every_value_of_a_scenario_has_a_key(name):
    assert paths_of(load_scenario(name).model_dump(mode="json")) <= set(key_paths())


@pytest.mark.parametrize("section", ["devices", "channel"])
def test_defaults_are_those_of_an_empty_section(section):
    loaded = load_scenario("multi-node", {section: {}}).model_dump(mode="json")[section]
    keys = [key for key in chosen_keys(section) if key.section != "Scenario"]
    assert {key.name for key in keys} == set(loaded)
    for key in keys:
        assert key.default() in ("none", json.dumps(loaded[key.name]), loaded[key.name]), key.name


@pytest.mark.parametrize(
    ("path", "unit", "limits", "below"),
    [
        ("arrivals.rate_per_s", "1/s", ">= 1e-06, <= 1e+07", 1e-7),
        ("nodes.0.memory_fraction", "", ">= 1e-06, <= 1", 0.0),
        ("horizon_epochs", "epochs", ">= 1, <= 100000", 0),
        ("uplink_slot_s", "s", "0 or >= 1e-06, <= 1e+06", 1e-7),
    ],
)
def test_a_key_has_the_unit_and_the_range_that_loading_enforces(path, unit, limits, below):
    (key,) = chosen_keys(path)
    assert (key.unit, key.limits) == (unit, limits)
    with pytest.raises(ScenarioError, match=path.replace(".", r"\.")):
        load_scenario("multi-node", {path: below})


def test_a_part_is_a_section_with_what_is_below_it():
    found = {path for key in chosen_keys("lengths") for path in key.paths}
    assert found == {path for path in key_paths() if path.split(".")[0] == "lengths"}
    assert {key.section for key in chosen_keys("requests.uplink_payload")} == {"RequestsSection", "PayloadSection"}
    assert len(chosen_keys()) == sum(map(len, scenario_keys().values()))


@pytest.mark.parametrize(
    ("part", "hint"),
    [
        ("arivals.rate_per_s", "did you mean 'arrivals.rate_per_s'"),
        ("nodes.0.memory", r"did you mean 'nodes\.\*\.memory"),
        ("rate", "unknown key of a scenario 'rate'"),
        ("", "unknown key of a scenario ''"),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(part, hint):
    with pytest.raises(ValueError, match=hint):
        chosen_keys(part)


def test_types_name_their_alternatives():
    types = {key.paths[0]: key.type() for key in chosen_keys()}
    assert types["dynamics"] == "batching or batching_routing or streaming"
    assert types["arrivals.rate_per_s"] == "number or [number, number]"
    assert types["links"] == "list of section"
    assert yaml.safe_load(next(key.default() for key in chosen_keys("horizon_epochs"))) == 100
