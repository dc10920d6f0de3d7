"""What is summed up from the state against what the steps reported and against the tiny episode by hand."""

import numpy as np
import pytest

from edge_llm_gym.models.exits import exit_profile
from edge_llm_gym.rendering.streaming.history import (
    arrival_epochs,
    correct_answers,
    epoch_series,
    present,
    recent_confidences,
    traffic,
)
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.exit_observation import CONFIDENCE_BINS, QUANTILES
from edge_llm_gym.sim.streaming.answers import FIRST_EXIT
from tests.rendering.streaming.conftest import step_tiny


def recorded(played, metric: str) -> np.ndarray:
    return np.array([result.metrics[0, STREAMING_COLUMN[metric]] for result in played.results])


def test_the_played_episode_has_every_outcome(played):
    for metric in ("served", "late", "below_quality", "in_flight"):
        assert recorded(played, metric).sum() > 0, metric
    assert all(result.metrics[0, STREAMING_COLUMN["arrived"]] > 0 for result in played.results)
    assert (sum(result.metrics[0, FIRST_EXIT:] for result in played.results) > 0).all()


def test_every_epoch_is_as_its_metrics_say(played):
    series = epoch_series(played.simulator, 0)
    np.testing.assert_array_equal(series.arrived, recorded(played, "arrived"))
    for name, counts in series.outcomes.items():
        np.testing.assert_array_equal(counts, recorded(played, name))
    np.testing.assert_array_equal(series.left, [result.metrics[0, FIRST_EXIT:] for result in played.results])
    np.testing.assert_allclose(series.mean_delay_s, recorded(played, "mean_delay_s"), rtol=1e-12)
    np.testing.assert_allclose(series.accuracy, recorded(played, "accuracy"), rtol=1e-12)


def test_epochs_without_arrivals(tiny):
    for _ in range(3):
        step_tiny(tiny)
    series = epoch_series(tiny, 0)
    assert series.arrived.tolist() == [2, 1, 0]
    assert series.left.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert series.mean_delay_s.tolist() == [1.75, 2.0, 0.0]
    full_accuracy = exit_profile("parametric").full_accuracy
    np.testing.assert_allclose(series.accuracy, [1.0 - 0.25 / (2 * full_accuracy), 1.0 - 0.25 / full_accuracy, 0.0])
    assert arrival_epochs(tiny, 0).tolist() == [0, 0, 1]
    # request 2 visited A, which has the lowest quality factor on its route
    assert correct_answers(tiny, 0).tolist() == [0.75, 0.0, 0.75]


def test_traffic_is_what_nodes_were_sent(played):
    state = played.simulator.state
    first, end = int(state.first_of_epoch[0, 29]), int(state.next_arrival[0])
    counts = traffic(played.simulator, 0, first, end)
    np.testing.assert_array_equal(counts.sum(axis=0), state.sent_last[0])
    np.testing.assert_array_equal(counts[:20].sum(axis=1), state.arrived_last[0])
    assert (counts[20:][~played.simulator.scenario.network.has_link] == 0).all()


def test_traffic_by_hand(tiny):
    step_tiny(tiny)
    step_tiny(tiny)
    expected = [[2, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert traffic(tiny, 0, 0, 3).tolist() == expected
    assert traffic(tiny, 0, 1, 2).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_confidences_are_those_of_the_observation(played):
    """The observation's quantiles come from a histogram, exact to the width of a bin on each side."""
    observed = played.observations[-1]["exit_confidence"][0]
    for quantiles, recent in zip(observed, recent_confidences(played.simulator, 0), strict=True):
        assert recent.size > 0
        lower = np.quantile(recent, QUANTILES, method="lower")
        higher = np.quantile(recent, QUANTILES, method="higher")
        assert (lower - 1 / CONFIDENCE_BINS <= quantiles).all()
        assert (quantiles <= higher + 1 / CONFIDENCE_BINS).all()


@pytest.mark.parametrize(("epochs", "expected"), [(1, [[0.875, 0.125], []]), (2, [[0.875, 0.125, 0.25], [0.625]])])
def test_confidences_of_requests_not_computed_yet_are_excluded(tiny, epochs, expected):
    for _ in range(epochs):
        step_tiny(tiny)
    assert [one.tolist() for one in recent_confidences(tiny, 0)] == [*expected, [], []]


def test_requests_present_at_a_node(tiny):
    step_tiny(tiny)
    step_tiny(tiny)
    there = [tuple(array.tolist() for array in present(tiny, 0, node)) for node in range(3)]
    assert there == [
        ([0.5, 1.5, 2.5, 3.5], [1, 0, 1, 0]),
        ([1.0, 1.5], [1, 0]),
        ([1.5, 3.5, 3.5, 4.5], [1, 2, 1, 0]),  # request 2 arrives as request 1 leaves
    ]


def test_levels_at_the_end_of_an_epoch_are_the_visits_still_open(played):
    """Visits that are open but have not reached their node yet are the difference."""
    simulator, now_s = played.simulator, 30.0
    for node in range(9):
        moments_s, count = present(simulator, 0, node)
        begun = np.searchsorted(moments_s, now_s, side="right")
        visits = simulator.state.requests.node[0, : simulator.state.next_arrival[0]] == node + 1
        coming = (visits & (simulator.state.requests.reach_s[0, : len(visits)] > now_s)).sum()
        level = count[begun - 1] if begun else 0
        assert level + coming == simulator.state.open_visits[0, node]
        assert count[-1] == 0
