"""Frames of streaming dynamics: pixels that follow the numbers, counted by colour inside each panel."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from edge_llm_gym.rendering import render_row, view_of
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.rendering.page import HEIGHT, WIDTH
from edge_llm_gym.rendering.palette import (
    BUSY,
    EXIT,
    GRID,
    IDLE,
    INK,
    OUTCOMES,
    QUARTILES,
    RADIO,
    SLOW,
    SPREAD,
    THRESHOLD,
    WIRE,
)
from edge_llm_gym.rendering.panels import HEADING_HEIGHT
from edge_llm_gym.rendering.streaming.frames import PANELS, streaming_frame, streaming_summary
from edge_llm_gym.rendering.streaming.view import TREND_EPOCHS, StreamingDevice
from tests.rendering.geometry import (
    assert_counts_add_up,
    assert_nothing_leaves_its_panel,
    assert_panels_do_not_overlap,
)
from tests.rendering.streaming.conftest import step_tiny, summary


def inside(frame: np.ndarray, name: str) -> np.ndarray:
    """A panel without its heading, since the legend holds every colour."""
    box = PANELS[name][0]
    return frame[box.top + HEADING_HEIGHT : box.bottom, box.left : box.right]


def mask(view, name: str, colour: tuple[int, int, int]) -> np.ndarray:
    return (inside(streaming_frame(view), name) == colour).all(axis=-1)


def pixels(view, name: str, colour: tuple[int, int, int]) -> int:
    return int(mask(view, name, colour).sum())


def with_node(view, **changes):
    """Only the first node, changed."""
    return replace(view, nodes=(replace(view.nodes[0], **changes),), wires=(), last=replace(view.last, flows=()))


def with_flows(view, *flows):
    return replace(view, last=replace(view.last, flows=flows))


def crowded(view, nodes: int, devices: int, exits: int):
    """A view with as many items as possible and long names."""
    rng = np.random.default_rng(0)
    node = replace(view.nodes[0], name="a-rather-long-name", committed_s=123456.0, utilisation=1.0, open_visits=99999)
    flows = tuple(Flow(index, index % nodes, 1) for index in range(devices))
    one = replace(view.exits[0], quantiles=(0.0, 0.2, 0.5, 0.9, 1.0), thresholds=(0.0, 1.0), left=6, left_total=36)
    return replace(
        view,
        scenario="a scenario whose name is much longer than any title could hold " * 3,
        nodes=tuple(
            replace(node, position_m=tuple(position), stage=index % 3 + 1, speed=1 - index % 2 / 2)
            for index, position in enumerate(rng.random((nodes, 2)) * 1000)
        ),
        wires=tuple((here, here + 1) for here in range(nodes - 1)),
        devices=tuple(StreamingDevice(tuple(position), "late") for position in rng.random((devices, 2)) * 1000),
        exits=tuple(replace(one, exit=index + 1) for index in range(exits)),
        trend=(summary(20, 5, 5, 1e6, 1.0),) * TREND_EPOCHS,
        totals=replace(view.totals, arrived=99999, served=99999, late=99999, below_quality=99999, in_flight=99999),
        last=replace(view.last, flows=flows, reward=-123456.789),
    )


def test_shape_never_changes_over_an_episode(tiny):
    frames = [render_row(tiny, 0, None, "rgb_array")]
    for _ in range(3):
        frames.append(render_row(tiny, 0, step_tiny(tiny), "rgb_array"))
    assert tiny.ended().all()
    assert {(frame.shape, frame.dtype) for frame in frames} == {((HEIGHT, WIDTH, 3), np.dtype(np.uint8))}
    assert not any(np.array_equal(one, other) for one, other in pairwise(frames))


def test_frames_are_copies_and_repeat(view):
    first, second = streaming_frame(view), streaming_frame(view)
    np.testing.assert_array_equal(first, second)
    first[:] = 0
    np.testing.assert_array_equal(second, streaming_frame(view))


@pytest.mark.parametrize(
    "change",
    [
        {"scenario": "other"},
        {"epoch": 8},
        {"wires": ((0, 2),)},
        {"devices": (StreamingDevice((500.0, 500.0), ""),)},
        {"last": None},
    ],
)
def test_different_views_give_different_frames(view, change):
    view = with_flows(view)  # so that devices may go
    assert not np.array_equal(streaming_frame(view), streaming_frame(replace(view, **change)))


@pytest.mark.parametrize(
    "change",
    [{"threshold": 0.5}, {"threshold": None}, {"sent": 5}, {"open_visits": 4}, {"stage": 2}, {"name": "cell-x"}],
)
def test_every_number_of_a_node_is_shown(view, change):
    assert not np.array_equal(streaming_frame(with_node(view)), streaming_frame(with_node(view, **change)))


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_busy_bars_are_as_long_as_the_utilisation(view, share):
    whole, part = (pixels(with_node(view, utilisation=one), "nodes", BUSY) for one in (1.0, share))
    assert part / whole == pytest.approx(share, abs=0.02)
    assert pixels(with_node(view, utilisation=0.0), "nodes", BUSY) == 0


def test_committed_bars_are_as_long_as_the_committed_time(view):
    short, long = (pixels(with_node(view, committed_s=one), "nodes", OUTCOMES["pending"]) for one in (1.0, 4.0))
    assert short / long == pytest.approx(1 / 4, abs=0.02)
    twice = replace(view, nodes=(view.nodes[0], view.nodes[0]), wires=(), last=replace(view.last, flows=()))
    assert pixels(twice, "nodes", OUTCOMES["pending"]) == pytest.approx(2 * long, rel=0.02)


def test_slowed_nodes_stand_out(view):
    slow = with_node(view, speed=0.25)
    assert pixels(slow, "nodes", SLOW) == pixels(with_node(view), "nodes", BUSY) > 0
    assert pixels(slow, "nodes", BUSY) == pixels(with_node(view), "nodes", SLOW) == 0


def test_links_are_as_wide_as_their_share(view):
    def painted(requests: int) -> int:
        return pixels(with_flows(view, Flow(0, 0, requests)), "map", RADIO)

    none, one, three, six = (painted(requests) for requests in (0, 1, 3, 6))
    assert none < one < three < six
    assert (six - one) / (three - one) == pytest.approx((6 - 1) / (3 - 1), rel=0.15)


def test_radio_and_wires_have_colours_of_their_own(view):
    radio, wire = with_flows(view, Flow(1, 1, 6)), with_flows(view, Flow(3, 2, 6))
    assert pixels(radio, "map", RADIO) > 500
    assert pixels(wire, "map", WIRE) > 500
    assert pixels(radio, "map", WIRE) == pixels(wire, "map", RADIO) == 0


def test_unused_wires_are_faint(view):
    assert pixels(with_flows(view), "map", GRID) > pixels(replace(with_flows(view), wires=()), "map", GRID)


def test_devices_have_the_colour_of_their_worst_outcome(view):
    view = with_flows(view)
    late, served, idle = (pixels(view, "map", colour) for colour in (OUTCOMES["late"], OUTCOMES["served"], IDLE))
    assert late == served == idle > 10
    assert pixels(view, "map", OUTCOMES["below_quality"]) == 0


def test_share_bars_follow_the_requests_that_left(view):
    def bar(left: int) -> int:
        exits = (replace(view.exits[0], left=left, left_total=0),)
        return pixels(replace(view, exits=exits), "exits", EXIT)

    assert bar(0) == 0
    assert bar(3) / bar(6) == pytest.approx(0.5, abs=0.02)


def test_confidences_are_drawn_to_scale(view):
    exits = (replace(view.exits[0], quantiles=(0.2, 0.4, 0.5, 0.6, 1.0), thresholds=(), left=0),)
    columns = {
        colour: np.flatnonzero(mask(replace(view, exits=exits), "exits", colour).any(axis=0))
        for colour in (SPREAD, QUARTILES)
    }
    spread, quartiles = np.ptp(columns[SPREAD]), np.ptp(columns[QUARTILES])
    assert spread / quartiles == pytest.approx(0.8 / 0.2, rel=0.05)
    assert (columns[QUARTILES][0] - columns[SPREAD][0]) / spread == pytest.approx(0.2 / 0.8, abs=0.02)


def test_every_threshold_is_drawn_to_scale(view):
    def columns(*thresholds: float) -> list[int]:
        exits = (replace(view.exits[0], thresholds=thresholds),)
        found = np.flatnonzero(mask(replace(view, exits=exits), "exits", THRESHOLD).any(axis=0))
        return [int(group[0]) for group in np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)]

    low, middle, high = columns(0.1, 0.5, 0.9)
    assert middle - low == pytest.approx(high - middle, abs=1)
    assert columns(0.5) == [middle]
    assert pixels(replace(view, exits=(replace(view.exits[0], thresholds=()),)), "exits", THRESHOLD) == 0


def test_trend_bars_stack_outcomes_in_proportion(view):
    painted = {name: pixels(view, "trend", OUTCOMES[name]) for name in ("served", "late", "below_quality")}
    served, late, below_quality = (
        sum(getattr(epoch, name) for epoch in view.trend) for name in ("served", "late", "below_quality")
    )
    assert painted["late"] / painted["served"] == pytest.approx(late / served, abs=0.05)
    assert painted["below_quality"] / painted["served"] == pytest.approx(below_quality / served, abs=0.05)


def test_trend_bars_follow_delay_and_accuracy(view):
    def painted(mean_delay_s: float, accuracy: float) -> int:
        trend = (summary(1, 1, 0, 4.0, 0.0), summary(1, 1, 0, mean_delay_s, accuracy))
        totals = replace(view.totals, mean_delay_s=0.0, accuracy=0.0)  # no line across the bars
        return pixels(replace(view, trend=trend, totals=totals), "trend", BUSY)

    none = painted(0.0, 0.0)
    assert (painted(2.0, 0.0) - none) / (painted(4.0, 0.0) - none) == pytest.approx(0.5, abs=0.03)
    assert (painted(0.0, 0.5) - none) / (painted(0.0, 1.0) - none) == pytest.approx(0.5, abs=0.03)


def test_the_episodes_mean_is_a_line(view):
    def lowest(mean_delay_s: float) -> int:
        rows = mask(replace(view, totals=replace(view.totals, mean_delay_s=mean_delay_s)), "trend", INK).sum(axis=1)
        return int(rows.argmax())

    first, second = lowest(0.5), lowest(1.5)
    assert second < first  # more delay stands higher


@pytest.mark.parametrize("nodes", [1, 9, 40])
@pytest.mark.parametrize(("devices", "exits"), [(1, 1), (200, 12)])
def test_nothing_leaves_its_panel(view, nodes, devices, exits):
    frame = streaming_frame(crowded(view, nodes, devices, exits))
    assert_nothing_leaves_its_panel(frame, PANELS)


def test_panels_do_not_overlap():
    assert_panels_do_not_overlap(PANELS)


def test_a_played_episode_renders_what_its_view_says(played):
    frame = render_row(played.simulator, 0, played.results[-1], "rgb_array")
    np.testing.assert_array_equal(frame, streaming_frame(view_of(played.simulator, 0, played.results[-1])))


def test_counts_add_up(view, played):
    assert_counts_add_up(streaming_summary(view))
    assert_counts_add_up(streaming_summary(view_of(played.simulator, 0, played.results[-1])))
    assert streaming_summary(view).aside == "(5 of them in flight)"
