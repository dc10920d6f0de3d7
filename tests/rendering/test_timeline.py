"""The figure of an episode: bars at the recorded times, bars as high as the counts, the table of who served whom."""

import numpy as np
import pytest
from matplotlib.image import AxesImage

from edge_llm_gym.rendering.history import batches
from edge_llm_gym.rendering.timeline import episode_of, episode_timeline, save_timeline, served_table
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import SERVED


def axes_by_title(simulator, start: str):
    figure = episode_timeline(simulator, 0)
    return next(axes for axes in figure.get_axes() if axes.get_title(loc="left").startswith(start))


def rectangles(axes) -> list[tuple[float, float, float]]:
    """Left edge, width and height of every bar that has a height."""
    return sorted((bar.get_x(), bar.get_width(), abs(bar.get_height())) for bar in axes.patches if _is_a_bar(bar))


def _is_a_bar(patch) -> bool:
    return hasattr(patch, "get_width") and patch.get_height() != 0


def test_a_bar_per_batch_and_outcome_at_its_time(played):
    strips = batches(played.simulator, 0)
    largest = max(batch.requests for strip in strips for batch in strip)
    expected = sorted(
        (batch.begin_s, batch.end_s - batch.begin_s, 0.8 * count / largest)
        for strip in strips
        for batch in strip
        for count in (batch.served, batch.late, batch.below_quality)
        if count
    )
    np.testing.assert_allclose(rectangles(axes_by_title(played.simulator, "Batches")), expected)


def test_epoch_bars_and_queue_follow_the_metrics(played):
    axes = axes_by_title(played.simulator, "Requests")
    height = sum(height for *_, height in rectangles(axes))
    totals = played.simulator.state.totals[0]
    assert height == sum(totals[COLUMN[name]] for name in ("served", "late", "below_quality", "expired"))
    (stairs,) = [patch for patch in axes.patches if hasattr(patch, "get_data")]
    assert stairs.get_data().values[1:].tolist() == [result.metrics[0, COLUMN["pending"]] for result in played.results]


def test_table_counts_the_served_requests(played):
    state, tape = played.simulator.state, played.simulator.tape
    expected = np.zeros((20, 4), int)
    for request in np.flatnonzero(state.requests.outcome[0] == SERVED):
        expected[tape.requests.device[0, request], state.requests.node[..., 0][0, request] - 1] += 1
    assert expected.sum() == state.totals[0, COLUMN["served"]] > 0
    np.testing.assert_array_equal(served_table(played.simulator, 0), expected)
    axes = axes_by_title(played.simulator, "Who")
    (image,) = [child for child in axes.get_children() if isinstance(child, AxesImage)]
    np.testing.assert_array_equal(image.get_array(), expected)
    assert {text.get_text() for text in axes.texts} == {f"{count}" for count in np.unique(expected) if count}


def test_tiny_episode_by_hand(tiny, step_tiny):
    step_tiny(tiny, [1, 2])
    step_tiny(tiny, [2, 2])
    episode = episode_of(tiny, 0)
    assert episode.decision_s.tolist() == [2.0, 4.0, 6.0]
    assert episode.pending.tolist() == [3, 2, 0]
    assert {name: counts.tolist() for name, counts in episode.outcomes.items()} == {
        "served": [1, 2, 0],
        "late": [1, 0, 0],
        "below_quality": [0, 0, 0],
        "expired": [1, 0, 0],
    }
    assert episode.served.tolist() == [[0, 0], [1, 1], [0, 1]]
    assert [[(batch.begin_s, batch.end_s) for batch in strip] for strip in episode.batches] == [
        [(2.25, 3.75)],
        [(2.25, 6.25), (6.25, 8.75)],
    ]


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_saves_an_episode_that_has_not_begun(tiny, tmp_path, suffix):
    path = tmp_path / f"timeline.{suffix}"
    save_timeline(tiny, 0, path)
    assert path.stat().st_size > 1000
