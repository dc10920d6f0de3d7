"""Frames of batching-and-routing dynamics: pixels of stages, wires and exits, counted by colour inside each panel."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.rendering import render_row, view_of
from edge_llm_gym.rendering.batching.frames import batching_summary
from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.batching.view import DeviceView, SlotOutcome
from edge_llm_gym.rendering.batching_routing.frames import PANELS, routing_frame
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.rendering.page import HEIGHT, WIDTH
from edge_llm_gym.rendering.palette import EXIT, GRID, OUTCOMES, WIRE
from edge_llm_gym.rendering.panels import HEADING_HEIGHT
from tests.rendering.by_hand import slot_view
from tests.rendering.geometry import (
    assert_counts_add_up,
    assert_nothing_leaves_its_panel,
    assert_panels_do_not_overlap,
)
from tests.sim.pooled.routing_by_hand import act


def panel(view, name: str) -> np.ndarray:
    """A panel without its heading, since the legend holds every colour."""
    box = PANELS[name][0]
    return routing_frame(view)[box.top + HEADING_HEIGHT : box.bottom, box.left : box.right]


def pixels(view, name: str, colour: tuple[int, int, int]) -> int:
    return int((panel(view, name) == colour).all(axis=-1).sum())


def quiet(view, *flows: Flow):
    """Without radio links, whose colours would cover the wires; with these flows."""
    return replace(view, last=None, flows=flows)


def with_node(view, **changes):
    return replace(view, nodes=(replace(view.nodes[0], **changes), *view.nodes[1:]))


def crowded(view, nodes: int, devices: int, exits: int):
    """A view with as many items as possible and long names."""
    rng, node = np.random.default_rng(0), view.nodes[0]
    batches = tuple(Batch(epoch, 14.0 + epoch, 15.0 + epoch, 1e8, 9, 5, 3) for epoch in range(6))
    slots = tuple(SlotOutcome(slot, slot, slot % devices, "late", slot % nodes, 1.0) for slot in range(64))
    one = replace(view.exits[0], quantiles=(0.0, 0.2, 0.5, 0.9, 1.0), thresholds=(0.0, 1.0), left=8, left_total=30)
    return replace(
        view,
        scenario="a scenario whose name is much longer than any title could hold " * 3,
        nodes=tuple(
            replace(
                node,
                name="a-rather-long-name",
                position_m=tuple(position),
                batches=batches,
                received=99999,
                forwarded=99999,
            )
            for position in rng.random((nodes, 2)) * 1000
        ),
        devices=tuple(DeviceView(tuple(position), 1) for position in rng.random((devices, 2)) * 1000),
        queue=tuple(slot_view(slot, 0.7 * slot) for slot in range(1, 65)),
        last=replace(view.last, slots=slots, reward=-123456.789),
        wires=tuple((here, here + 1) for here in range(nodes - 1)),
        flows=tuple(Flow(devices + here, here + 1, 8) for here in range(nodes - 1)),
        exits=tuple(replace(one, exit=index + 1) for index in range(exits)),
    )


def test_shape_never_changes_over_an_episode(solved):
    frames = [render_row(solved, 0, None, "rgb_array")]
    while not solved.ended().all():
        frames.append(render_row(solved, 0, act(solved, [1, 2, 1]), "rgb_array"))
    assert {(frame.shape, frame.dtype) for frame in frames} == {((HEIGHT, WIDTH, 3), np.dtype(np.uint8))}
    assert not any(np.array_equal(frames[0], other) for other in frames[1:])


def test_wires_are_as_wide_as_the_share_that_took_them(view):
    none, one, four, eight = (pixels(quiet(view, Flow(3, 2, n)), "map", WIRE) if n else 0 for n in (0, 1, 4, 8))
    assert none < one < four < eight
    assert (eight - one) / (four - one) == pytest.approx((8 - 1) / (4 - 1), rel=0.15)
    assert pixels(quiet(view), "map", WIRE) == 0


def test_radio_links_keep_the_colours_of_their_outcomes(view):
    assert pixels(view, "map", OUTCOMES["late"]) > 50
    assert pixels(replace(view, flows=()), "map", WIRE) == 0
    assert pixels(replace(view, flows=(Flow(0, 0, 8),)), "map", WIRE) == 0


def test_unused_wires_are_faint(view):
    assert pixels(quiet(view), "map", GRID) > pixels(replace(quiet(view), wires=()), "map", GRID)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("map", {"stage": 2}),
        ("batches", {"stage": 2}),
        ("batches", {"threshold": 0.5}),
        ("batches", {"threshold": None}),
        ("batches", {"received": 6}),
        ("batches", {"forwarded": 2}),
        ("batches", {"forwarded": None}),
        ("batches", {"batches": (Batch(7, 15.0, 19.0, 5e8, 1, 0, 0),)}),
        ("memory", {"kv_bytes": 0.0}),
    ],
)
def test_every_number_of_a_node_is_shown(view, name, change):
    assert not np.array_equal(panel(view, name), panel(with_node(view, **change), name))


def test_the_map_says_how_many_were_forwarded(view):
    assert not np.array_equal(panel(view, "map"), panel(with_node(view, forwarded=2), "map"))


def test_without_a_result_the_map_says_how_many_were_admitted(view):
    """An epoch has been played, so it is not the time before the first one."""
    view = replace(view, last=None)
    assert not np.array_equal(panel(view, "map"), panel(replace(view, routed=9, flows=()), "map"))
    assert not np.array_equal(panel(view, "map"), panel(replace(view, epoch=0), "map"))


def test_share_bars_follow_the_requests_that_left(view):
    def bar(left: int) -> int:
        return pixels(replace(view, exits=(replace(view.exits[0], left=left, left_total=0),)), "exits", EXIT)

    assert bar(0) == 0
    assert bar(4) / bar(8) == pytest.approx(0.5, abs=0.02)  # of the eight that the last epoch admitted


@pytest.mark.parametrize(("requests", "rows"), [(0, 12), (6, 12), (12, 12), (13, 24)])
def test_the_queue_has_twelve_rows_or_twice_as_many(view, requests, rows):
    def bars(count: int) -> int:
        queue = tuple(slot_view(slot, 8.0) for slot in range(1, count + 1))
        return pixels(replace(view, queue=queue), "queue", OUTCOMES["pending"])

    assert bars(requests) / bars(12) == pytest.approx(requests / rows, abs=0.05)


@pytest.mark.parametrize("nodes", [1, 6, 40])
@pytest.mark.parametrize(("devices", "exits"), [(1, 1), (200, 12)])
def test_nothing_leaves_its_panel(view, nodes, devices, exits):
    frame = routing_frame(crowded(view, nodes, devices, exits))
    assert_nothing_leaves_its_panel(frame, PANELS)


def test_panels_do_not_overlap():
    assert_panels_do_not_overlap(PANELS)


def test_a_played_episode_renders_what_its_view_says(played):
    frame = render_row(played.simulator, 0, played.results[-1], "rgb_array")
    np.testing.assert_array_equal(frame, routing_frame(view_of(played.simulator, 0, played.results[-1])))


def test_counts_add_up(view, played):
    assert_counts_add_up(batching_summary(view))
    assert_counts_add_up(batching_summary(view_of(played.simulator, 0, played.results[-1])))
