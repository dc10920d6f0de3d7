"""Frames: constant shape, and pixels that follow the numbers, counted by colour inside each panel."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.rendering import render_row, view_of
from edge_llm_gym.rendering.batching.frames import PANELS, batching_frame, batching_summary
from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.batching.queue_panel import COLUMNS as QUEUE_COLUMNS
from edge_llm_gym.rendering.batching.view import DeviceView, SlotOutcome
from edge_llm_gym.rendering.page import HEIGHT, WIDTH
from edge_llm_gym.rendering.palette import FREE, FREED, IDLE, KV_CACHE, OUTCOMES, REFUSED, URGENT, WEIGHTS
from edge_llm_gym.rendering.panels import HEADING_HEIGHT
from tests.rendering.by_hand import node_view, slot_view
from tests.rendering.geometry import (
    assert_counts_add_up,
    assert_nothing_leaves_its_panel,
    assert_panels_do_not_overlap,
)


def inside(frame: np.ndarray, name: str) -> np.ndarray:
    """A panel without its heading, since the legend holds every colour."""
    box = PANELS[name][0]
    return frame[box.top + HEADING_HEIGHT : box.bottom, box.left : box.right]


def pixels(frame: np.ndarray, name: str, colour: tuple[int, int, int]) -> int:
    return int((inside(frame, name) == colour).all(axis=-1).sum())


def with_queue(view, *left_s: float, hidden: int = 0):
    return replace(view, queue=tuple(slot_view(slot, time_s) for slot, time_s in enumerate(left_s, 1)), hidden=hidden)


def crowded(view, nodes: int, devices: int, slots: int):
    """A view with as many items as possible and long names."""
    batches = tuple(Batch(epoch, 14.0 + epoch, 15.0 + epoch, 1e8, 9, 5, 3) for epoch in range(6))
    outcomes = ("served", "late", "below_quality", "refused_memory")
    last = replace(
        view.last,
        slots=tuple(
            SlotOutcome(slot, slot, slot % devices, outcomes[slot % 4], slot % nodes if slot % 4 < 3 else None, 1.0)
            for slot in range(slots)
        ),
    )
    places = np.random.default_rng(0).random((devices, 2)) * 1000
    return replace(
        with_queue(view, *(0.7 * slot for slot in range(slots)), hidden=1234),
        nodes=tuple(
            replace(node_view(index, 0.9, batches), name=f"a-rather-long-name-{index}") for index in range(nodes)
        ),
        devices=tuple(DeviceView((x_m, y_m), index % 2) for index, (x_m, y_m) in enumerate(places.tolist())),
        scenario="a scenario whose name is much longer than any title could hold " * 3,
        last=last,
    )


def test_shape_never_changes_over_an_episode(tiny, step_tiny):
    result = None
    for batch in ([1, 2], [2, 2], [0, 0], [0, 0], [0, 0], [0, 0], None):
        frame = render_row(tiny, 0, result, "rgb_array")
        assert (frame.shape, frame.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        result = step_tiny(tiny, batch) if batch else None
    assert tiny.ended().all()


def test_frames_are_copies_and_repeat(view):
    first, second = batching_frame(view), batching_frame(view)
    np.testing.assert_array_equal(first, second)
    first[:] = 0
    np.testing.assert_array_equal(second, batching_frame(view))


@pytest.mark.parametrize(("kv", "freed"), [(0.0, 0.0), (0.1, 0.4), (0.5, 0.5), (1.0, 0.0)])
def test_memory_bar_is_in_proportion(view, kv, freed):
    frame = batching_frame(replace(view, nodes=(node_view(0, kv, freed_fraction=freed),)))
    painted = np.array([pixels(frame, "memory", colour) for colour in (WEIGHTS, KV_CACHE, FREED, FREE)])
    expected = np.array([1.0, kv, freed, 1.0 - kv - freed]) / 2
    np.testing.assert_allclose(painted / painted.sum(), expected, atol=0.01)


def test_every_node_has_its_own_memory_bar(view):
    one = pixels(batching_frame(replace(view, nodes=(node_view(0, 0.5), node_view(1, 0.0)))), "memory", KV_CACHE)
    two = pixels(batching_frame(replace(view, nodes=(node_view(0, 0.5), node_view(1, 0.5)))), "memory", KV_CACHE)
    assert two == pytest.approx(2 * one, rel=0.02)


def test_queue_bars_are_as_long_as_the_time_left(view):
    short = pixels(batching_frame(with_queue(view, 4.0, 8.0)), "queue", OUTCOMES["pending"])
    long = pixels(batching_frame(with_queue(view, 8.0, 8.0)), "queue", OUTCOMES["pending"])
    assert short / long == pytest.approx((4 + 8) / (8 + 8), abs=0.01)


def test_queue_bars_under_one_epoch_stand_out(view):
    frame = batching_frame(with_queue(view, 1.9, 8.0))
    assert pixels(frame, "queue", URGENT) / pixels(frame, "queue", OUTCOMES["pending"]) == pytest.approx(
        1.9 / 8, abs=0.01
    )
    assert pixels(batching_frame(with_queue(view, 2.0, 8.0)), "queue", URGENT) == 0


def test_empty_queue_has_no_bar_and_hidden_requests_are_counted(view):
    empty = batching_frame(with_queue(view))
    assert pixels(empty, "queue", OUTCOMES["pending"]) == pixels(empty, "queue", URGENT) == 0
    assert not np.array_equal(empty, batching_frame(with_queue(view, hidden=3)))


def test_batch_bars_follow_time_and_outcomes(view):
    def painted(end_s: float, served: int, late: int) -> tuple[int, ...]:
        batch = Batch(7, 14.25, end_s, 1e8, served, late, 0)
        frame = batching_frame(replace(view, nodes=(node_view(0, 0.5, (batch,)),)))
        return tuple(pixels(frame, "batches", OUTCOMES[name]) for name in ("served", "late", "below_quality"))

    served, late, below_quality = painted(18.25, 3, 1)
    assert served / late == pytest.approx(3, rel=0.1)
    assert below_quality == 0
    longer = painted(22.25, 3, 1)  # the window ends three epochs from now, at 20
    assert sum(longer) / (served + late) == pytest.approx(5.75 / 4, rel=0.03)
    assert painted(18.25, 1, 0)[1:] == (0, 0)


def test_batches_before_and_after_the_window_are_not_drawn(view):
    past, future = Batch(5, 10.0, 12.0, 1e8, 1, 0, 0), Batch(6, 20.0, 23.0, 1e8, 1, 0, 0)
    frame = batching_frame(replace(view, nodes=(node_view(0, 0.5, (past, future)),)))
    assert pixels(frame, "batches", OUTCOMES["served"]) == 0


@pytest.mark.parametrize("outcome", ["served", "late", "below_quality"])
def test_links_have_the_colour_of_their_outcome(view, outcome):
    last = replace(view.last, slots=(SlotOutcome(1, 90, 4, outcome, 1, 2.5),))
    with_link, without = batching_frame(replace(view, last=last)), batching_frame(replace(view, last=None))
    assert pixels(with_link, "map", OUTCOMES[outcome]) > 50
    assert pixels(without, "map", OUTCOMES[outcome]) == 0


def test_devices_have_the_colour_of_their_state(view):
    frame = batching_frame(view)
    idle, pending, refused = (pixels(frame, "map", colour) for colour in (IDLE, OUTCOMES["pending"], REFUSED))
    assert pending / refused == pytest.approx(3, rel=0.2)  # devices 0, 1, 2 pending, 3 refused, 4 idle
    assert idle / refused == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("nodes", [1, 4, 12])
@pytest.mark.parametrize(("devices", "slots"), [(5, 1), (200, 64)])
def test_nothing_leaves_its_panel(view, nodes, devices, slots):
    frame = batching_frame(crowded(view, nodes, devices, slots))
    assert_nothing_leaves_its_panel(frame, PANELS)


def test_more_slots_than_the_panel_draws(view):
    assert batching_frame(crowded(view, 100, 50, 300)).shape == (HEIGHT, WIDTH, 3)


def test_panels_do_not_overlap():
    assert_panels_do_not_overlap(PANELS)


def test_a_played_episode_renders_what_its_view_says(played):
    frame = render_row(played.simulator, 0, played.results[-1], "rgb_array")
    np.testing.assert_array_equal(frame, batching_frame(view_of(played.simulator, 0, played.results[-1])))
    node = max(view_of(played.simulator, 0, None).nodes, key=lambda node: node.kv_bytes)
    assert (pixels(frame, "memory", KV_CACHE) > 0) == (node.kv_bytes > 0)


def test_counts_add_up(view, played):
    assert_counts_add_up(batching_summary(view))
    assert_counts_add_up(batching_summary(view_of(played.simulator, 0, played.results[-1])))


def test_the_queue_tells_the_time_left_and_the_quality_demanded(view):
    """Beside the bars stand numbers, which tell times beyond the scale apart."""
    assert [column.head for column in QUEUE_COLUMNS][4] == "min quality"
    box = PANELS["queue"][0]
    numbers = [
        batching_frame(with_queue(view, 8.0, left_s))[:, box.right - 40 : box.right - 10] for left_s in (3.0, 3.1)
    ]
    assert not np.array_equal(*numbers)


def test_free_memory_is_told_to_ten_megabytes(view):
    def values(free_bytes: float) -> np.ndarray:
        node = replace(node_view(0), free_bytes=free_bytes)
        box = PANELS["memory"][0]
        return batching_frame(replace(view, nodes=(node,)))[box.top : box.bottom, box.right - 90 : box.right - 10]

    assert np.array_equal(values(3.001e9), values(3.004e9))
    assert not np.array_equal(values(3.00e9), values(3.01e9))
