"""Grids of sweeps: combinations, labels, and what is refused."""

import numpy as np
import pytest

from edge_llm_gym.evaluation.sweeps.grid import Parameter, make_grid
from edge_llm_gym.scenario import ScenarioError, load_scenario
from tests.evaluation.sweeps.invented import grid_of


def test_points_are_all_combinations_and_the_last_parameter_varies_fastest():
    grid = grid_of({"arrivals.rate_per_s": [1, 2.5], "slots": [8, 16]})
    assert [point.label for point in grid.points] == [
        "arrivals.rate_per_s=1, slots=8",
        "arrivals.rate_per_s=1, slots=16",
        "arrivals.rate_per_s=2.5, slots=8",
        "arrivals.rate_per_s=2.5, slots=16",
    ]
    assert [(point.scenario.arrivals.rate_per_s, point.scenario.slots) for point in grid.points] == [
        (1, 8), (1, 16), (2.5, 8), (2.5, 16),
    ]  # fmt: skip
    assert len({point.key for point in grid.points}) == 4


def test_numbers_of_numpy_are_values():
    (parameter,) = grid_of({"arrivals.rate_per_s": np.linspace(1, 2, 3)}).parameters
    assert parameter.values == (1.0, 1.5, 2.0)
    assert all(type(value) is float for value in parameter.values)


def test_lists_are_values_without_a_coordinate():
    (parameter,) = grid_of({"requests.budget_s": [[0.5, 1.0], [0.5, 2.0]]}).parameters
    assert parameter.labels == ("[0.5, 1.0]", "[0.5, 2.0]")
    assert not parameter.is_numeric
    assert not Parameter("x", (True, False)).is_numeric
    assert Parameter("x", (1, 2.0)).is_numeric


def test_long_labels_that_are_equal_when_shortened_get_a_number():
    values = tuple({"name": "a" * 40 + middle + "b" * 40} for middle in "xy")
    first, second = Parameter("nodes", values).labels
    assert (first[-3:], second[-3:]) == (" #1", " #2")
    assert len(first) < 30


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "one or two parameters"),
        ({"slots": [1], "epoch_s": [1], "horizon_epochs": [1]}, r"one or two parameters.*got \['slots', 'epoch_s'"),
        ([("slots", [8])], "one or two parameters"),
        ({"slots": 8}, "dotted path with a list of values.*got 'slots': 8"),
        ({"slots": "8,16"}, "put the values into a list"),
        ({3: [8]}, "dotted path with a list of values"),
        ({"slots": []}, "at least one value, got none of 'slots'"),
        ({"slots": [8, 8]}, "same one at slots=8 and at slots=8; leave out"),
    ],
)
def test_other_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        grid_of(parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"slots": [8, -1]}, r"at slots=-1: scenario 'single-node':\n  slots: .*must be from 1"),
        ({"slotz": [8]}, r"at slotz=8: .*did you mean 'slots'"),
        ({"nodes.7.count": [1]}, r"at nodes\.7\.count=1: .*needs an index"),
        ({"slots": ["many"]}, r"at slots=many: (?s:.*)got 'many'"),
    ],
)
def test_values_that_the_scenario_does_not_take_name_their_point(parameters, message):
    with pytest.raises(ScenarioError, match=r"(?s)" + message):
        grid_of(parameters)


def test_settings_that_replace_the_swept_parameter_are_refused():
    with pytest.raises(ValueError, match="settings that replace the swept parameter"):
        make_grid({"slots": [8, 16]}, lambda values: load_scenario("single-node", {**values, "slots": 4}))
