"""Placement in the map: nodes side by side, names that cover nothing, every device inside."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from edge_llm_gym.rendering.batching.view import DeviceView, NodeView
from edge_llm_gym.rendering.canvas import Box
from edge_llm_gym.rendering.placement import NODE_HALF, around, pixel_positions, placed_labels
from tests.rendering.by_hand import node_view

INSIDE = Box(20, 94, 340, 360)


@dataclass(frozen=True)
class Plan:
    """As much of a view as a map shows."""

    nodes: tuple[NodeView, ...] = ()
    devices: tuple[DeviceView, ...] = ()
    area_m: tuple[float, float] = (1000.0, 1000.0)


def placed(seed: int, nodes: int, same_site: bool = False):
    rng = np.random.default_rng(seed)
    sites = [(1000.0, 500.0)] * nodes if same_site else (rng.random((nodes, 2)) * 1000).tolist()
    view = Plan(
        nodes=tuple(replace(node_view(index), position_m=tuple(site)) for index, site in enumerate(sites)),
        devices=tuple(DeviceView((x_m, y_m), 0) for x_m, y_m in (rng.random((60, 2)) * 1000).tolist()),
    )
    node_pixels, device_pixels = pixel_positions(view, INSIDE)
    return node_pixels, device_pixels, list(placed_labels(view, node_pixels, device_pixels, INSIDE))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("same_site", [False, True])
def test_nodes_and_names_cover_neither_each_other_nor_the_edge(seed, same_site):
    nodes, devices, labels = placed(seed, 12, same_site)
    boxes = [around(pixel, NODE_HALF) for pixel in nodes] + [box for _, box in labels]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(box.within(INSIDE) for box in boxes)
    assert all(around(pixel, 4).within(INSIDE) for pixel in devices)


def test_names_keep_clear_of_other_nodes_where_there_is_space():
    for seed in range(40):
        nodes, _, labels = placed(seed, 5)
        assert len(labels) == 5
        for index, (_, box) in enumerate(labels):
            others = (around(pixel, NODE_HALF + 4) for pixel in nodes[:index] + nodes[index + 1 :])
            assert not any(box.overlaps(other) for other in others), seed


def test_lone_nodes_always_have_their_name():
    for seed in range(20):
        assert len(placed(seed, 1)[2]) == 1


def test_scale_is_the_same_on_both_axes_and_north_is_up():
    corners = ((0.0, 0.0), (1000.0, 0.0), (0.0, 1000.0))
    (x0, y0), (x1, y1), (x2, y2) = pixel_positions(
        Plan((node_view(0), node_view(1)), tuple(DeviceView(corner, 0) for corner in corners)), INSIDE
    )[1]
    assert x1 - x0 == pytest.approx(y0 - y2)
    assert (y1, x2) == (pytest.approx(y0), pytest.approx(x0))
    assert x1 > x0
    assert y2 < y0
