"""The figure of an episode of streaming dynamics: areas, bars and table hold the recorded numbers."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.image import AxesImage

from edge_llm_gym.rendering.streaming.episode import streaming_episode_of
from edge_llm_gym.rendering.streaming.history import epoch_series, present
from edge_llm_gym.rendering.timeline import episode_timeline, save_timeline
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from tests.rendering.streaming.conftest import step_tiny

HUBS = ("hub-a", "hub-b", "hub-c")


@pytest.fixture(scope="module")
def figure(played):
    return episode_timeline(played.simulator, 0)


def axes_by_title(figure, start: str):
    return next(axes for axes in figure.get_axes() if axes.get_title(loc="left").startswith(start))


def bars(axes) -> np.ndarray:
    """Heights by series and epoch."""
    return np.array([[bar.get_height() for bar in series] for series in axes.containers])


def test_outcome_bars_are_the_counts_of_the_metrics(figure, played):
    expected = [
        [result.metrics[0, STREAMING_COLUMN[name]] for result in played.results]
        for name in ("served", "late", "below_quality")
    ]
    np.testing.assert_array_equal(bars(axes_by_title(figure, "Requests by epoch")), expected)


def test_exit_bars_are_shares(figure, played):
    heights = bars(axes_by_title(figure, "Shares"))
    assert heights.shape == (4, 30)
    np.testing.assert_allclose(heights.sum(axis=0), 1.0)
    arrived = epoch_series(played.simulator, 0).arrived
    totals = played.simulator.state.totals[0]
    np.testing.assert_allclose((heights * arrived).sum(axis=1), totals[len(STREAMING_COLUMN) :])


@pytest.mark.parametrize(("title", "metric"), [("Mean response", "mean_delay_s"), ("Accuracy", "accuracy")])
def test_delay_and_accuracy_follow_the_metrics(figure, played, title, metric):
    axes = axes_by_title(figure, title)
    expected = [result.metrics[0, STREAMING_COLUMN[metric]] for result in played.results]
    np.testing.assert_allclose(bars(axes)[0], expected)
    (line,) = axes.lines
    arrived = [result.metrics[0, STREAMING_COLUMN["arrived"]] for result in played.results]
    np.testing.assert_allclose(line.get_ydata(), np.average(expected, weights=arrived))
    low, high = axes.get_ylim()
    assert low <= min(expected)
    assert high > max(expected)


def test_areas_are_as_high_as_requests_are_there(figure, played):
    axes = axes_by_title(figure, "Requests at every node")
    areas = [child for child in axes.get_children() if isinstance(child, PolyCollection)]
    counts = [present(played.simulator, 0, node)[1] for node in range(9)]
    most = max(count.max() for count in counts)
    assert f"{most} at most" in axes.get_title(loc="left")
    for index, (area, count) in enumerate(zip(areas, counts, strict=True)):
        heights = index + 0.4 - area.get_paths()[0].vertices[:, 1]
        assert heights.max() == pytest.approx(0.8 * count.max() / most)
        assert heights.min() == pytest.approx(0.0)


def test_table_counts_what_took_each_link(figure, played):
    (image,) = [
        child for child in axes_by_title(figure, "Requests over").get_children() if isinstance(child, AxesImage)
    ]
    table = np.asarray(image.get_array())
    state, tape = played.simulator.state, played.simulator.tape
    expected = np.zeros((27, 9), int)
    for request in range(state.next_arrival[0]):
        way = [node - 1 for node in state.requests.node[0, request] if node]
        senders = [tape.requests.device[0, request], *(20 + node for node in way[:-1])]
        for sender, node in zip(senders, way, strict=True):
            expected[sender, node] += 1
    np.testing.assert_array_equal(table, expected)
    names = [label.get_text() for label in axes_by_title(figure, "Requests over").get_yticklabels()]
    assert names == [*(f"{device}" for device in range(20)), *(f"cell-{one}" for one in "abcd"), *HUBS]


def test_tiny_episode_by_hand(tiny):
    step_tiny(tiny)
    step_tiny(tiny)
    episode = streaming_episode_of(tiny, 0)
    assert episode.begin_s.tolist() == [0.0, 2.0]
    assert (episode.senders, episode.sending_nodes) == (("0", "1", "s1-1", "s1-2"), 2)
    assert episode.sent.tolist() == [[2, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_saves_an_episode_that_has_not_begun(tiny, tmp_path, suffix):
    path = tmp_path / f"timeline.{suffix}"
    save_timeline(tiny, 0, path)
    assert path.stat().st_size > 1000
