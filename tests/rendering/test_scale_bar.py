"""The scale bar of a map: its length in pixels, its round length, and the corner that it takes."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.rendering.batching.view import DeviceView
from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import INK, OUTCOMES, STRIP
from edge_llm_gym.rendering.placement import NODE_HALF, around, placed_labels
from edge_llm_gym.rendering.scale_bar import MIN_PIXELS, length_text, scale_bar
from edge_llm_gym.rendering.site_plan import SitePlan
from tests.rendering.by_hand import node_view
from tests.rendering.test_placement import INSIDE, Plan


@pytest.mark.parametrize("area_m", [(1000.0, 1000.0), (80.0, 40.0), (20000.0, 3000.0)])
def test_the_bar_is_as_long_as_two_devices_that_far_apart(area_m):
    alone = SitePlan(Plan(devices=(DeviceView((0.0, 0.0), 0),), area_m=area_m), INSIDE)
    length_m = alone.bar.length_m
    (first, _), (second, _) = SitePlan(
        Plan(devices=(DeviceView((0.0, 0.0), 0), DeviceView((length_m, 0.0), 0)), area_m=area_m), INSIDE
    ).devices
    assert alone.bar.pixels == pytest.approx(second - first, abs=0.5)
    assert MIN_PIXELS - 1 <= alone.bar.pixels <= 2.5 * MIN_PIXELS + 1


@pytest.mark.parametrize(
    ("pixels_per_m", "label", "pixels"),
    [(0.25, "200 m", 50), (0.04, "1 km", 40), (0.01, "5 km", 50), (90.0, "0.5 m", 45)],
)
def test_lengths_are_round(pixels_per_m, label, pixels):
    bar = scale_bar(pixels_per_m, INSIDE, [], [])
    assert (bar.label, bar.pixels) == (label, pixels)


def test_lengths_from_1_km_on_are_in_km():
    assert [length_text(length_m) for length_m in (999.0, 1000.0, 2500.0)] == ["999 m", "1 km", "2.5 km"]


def test_the_bar_takes_the_corner_where_it_covers_least():
    corners = [
        (INSIDE.left + 30, INSIDE.bottom - 12),
        (INSIDE.right - 30, INSIDE.bottom - 12),
        (INSIDE.left + 30, INSIDE.top + 12),
    ]
    lower_left, lower_right, upper_left, upper_right = (
        scale_bar(0.25, INSIDE, corners[:count], []).box for count in range(4)
    )
    assert lower_left.left == upper_left.left < lower_right.left == upper_right.left
    assert upper_left.top == upper_right.top < lower_left.top == lower_right.top
    assert all(box.within(INSIDE) for box in (lower_left, lower_right, upper_left, upper_right))
    assert scale_bar(0.25, INSIDE, [], corners[:1]).box == lower_right
    assert scale_bar(0.25, INSIDE, corners[1:], corners[:1] * 2).box == upper_right
    everywhere = [*corners, (INSIDE.right - 30, INSIDE.top + 12)]
    assert scale_bar(0.25, INSIDE, everywhere, everywhere[1:]).box == lower_left


def test_names_of_nodes_keep_clear_of_the_bar():
    for seed in range(30):
        sites = (np.random.default_rng(seed).random((12, 2)) * 1000).tolist()
        view = Plan(tuple(replace(node_view(index), position_m=tuple(site)) for index, site in enumerate(sites)))
        plan = SitePlan(view, INSIDE)
        boxes = [box for _, box in placed_labels(view, plan.nodes, [(0, 0)], INSIDE, (plan.bar.box,))]
        assert boxes
        assert not any(box.overlaps(plan.bar.box) for box in boxes), seed
        assert not any(around(pixel, NODE_HALF).overlaps(plan.bar.box) for pixel in plan.nodes), seed


def test_the_bar_is_drawn_in_its_box():
    canvas = Canvas(360, 400)
    canvas.fill(INSIDE, STRIP)
    bar = scale_bar(0.25, INSIDE, [], [])
    bar.draw(canvas)
    rows, columns = np.nonzero((canvas.array() == INK).all(axis=-1))
    level = np.bincount(rows).argmax()
    line = columns[rows == level]
    assert np.ptp(line[line < bar.box.left + bar.pixels]) + 1 == bar.pixels
    assert Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1).within(bar.box)


def test_every_map_has_one(monkeypatch):
    drawn = []
    monkeypatch.setattr("edge_llm_gym.rendering.scale_bar.ScaleBar.draw", lambda bar, canvas: drawn.append(bar))
    view = Plan((node_view(0),), (DeviceView((500.0, 500.0), 0),))
    SitePlan(view, INSIDE).draw(Canvas(360, 400), lambda pen: None, [OUTCOMES["pending"]])
    assert len(drawn) == 1
