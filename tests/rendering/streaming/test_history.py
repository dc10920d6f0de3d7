"""What is summed up from the state against what the steps reported and against the tiny episode by hand."""

import numpy as np
import pytest

from edge_llm_gym.rendering.streaming.history import (
    arrival_epochs,
    confidences_seen,
    course_of,
    present,
    right_answers,
    traffic,
)
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.exit_observation import (
    CONFIDENCE_BINS,
    QUANTILES,
)
from edge_llm_gym.sim.streaming.answers import (
    FIRST_EXIT,
)
from tests.rendering.streaming.conftest import step_tiny


def recorded(played, metric: str) -> np.ndarray:
    return np.array([result.metrics[0, STREAMING_COLUMN[metric]] for result in played.results])


def test_the_played_episode_has_something_of_everything(played):
    for metric in ("served", "late", "below_quality", "in_flight"):
        assert recorded(played, metric).sum() > 0, metric
    assert all(result.metrics[0, STREAMING_COLUMN["arrived"]] > 0 for result in played.results)
    assert (sum(result.metrics[0, FIRST_EXIT:] for result in played.results) > 0).all()


def test_every_epoch_is_as_its_metrics_say(played):
    course = course_of(played.simulator, 0)
    np.testing.assert_array_equal(course.arrived, recorded(played, "arrived"))
    for name, counts in course.outcomes.items():
        np.testing.assert_array_equal(counts, recorded(played, name))
    np.testing.assert_array_equal(course.left, [result.metrics[0, FIRST_EXIT:] for result in played.results])
    np.testing.assert_allclose(course.mean_delay_s, recorded(played, "mean_delay_s"), rtol=1e-12)
    np.testing.assert_allclose(course.accuracy, recorded(played, "accuracy"), rtol=1e-12)


def test_epochs_in_which_nobody_arrives(tiny):
    for _ in range(3):
        step_tiny(tiny)
    course = course_of(tiny, 0)
    assert course.arrived.tolist() == [2, 1, 0]
    assert course.left.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert course.mean_delay_s.tolist() == [1.75, 2.0, 0.0]
    assert course.accuracy.tolist() == [0.375, 0.75, 0.0]
    assert arrival_epochs(tiny, 0).tolist() == [0, 0, 1]
    assert right_answers(tiny, 0).tolist() == [0.75, 0.0, 0.75]  # request 2 went over A, the worst on its way


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
    for quantiles, seen in zip(played.seen[-1].exit_confidence[0], confidences_seen(played.simulator, 0), strict=True):
        assert seen.size > 0
        lower = np.quantile(seen, QUANTILES, method="lower")
        higher = np.quantile(seen, QUANTILES, method="higher")
        assert (lower - 1 / CONFIDENCE_BINS <= quantiles).all()
        assert (quantiles <= higher + 1 / CONFIDENCE_BINS).all()


@pytest.mark.parametrize(("epochs", "seen"), [(1, [[0.875, 0.125], []]), (2, [[0.875, 0.125, 0.25], [0.625]])])
def test_confidences_of_what_is_yet_to_be_computed_are_not_seen(tiny, epochs, seen):
    for _ in range(epochs):
        step_tiny(tiny)
    assert [one.tolist() for one in confidences_seen(tiny, 0)] == [*seen, [], []]


def test_who_is_at_a_node_and_when(tiny):
    step_tiny(tiny)
    step_tiny(tiny)
    there = [tuple(array.tolist() for array in present(tiny, 0, node)) for node in range(3)]
    assert there == [
        ([0.5, 1.5, 2.5, 3.5], [1, 0, 1, 0]),
        ([1.0, 1.5], [1, 0]),
        ([1.5, 3.5, 3.5, 4.5], [1, 2, 1, 0]),  # request 2 comes as request 1 leaves
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
