"""Checks that hold for every page of panels."""

import re

import numpy as np

from edge_llm_gym.rendering.canvas import Box
from edge_llm_gym.rendering.page import HEIGHT, WIDTH, Summary
from edge_llm_gym.rendering.palette import BACKGROUND, GRID, PANEL

HEAD_HEIGHT = 80


def assert_nothing_leaves_its_panel(frame, panels):
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[:HEAD_HEIGHT] = False
    for box, _ in panels.values():
        outside[box.top : box.bottom, box.left : box.right] = False
        edge = frame[box.top : box.bottom, [box.left, box.right - 1]]
        assert (edge == GRID).all()
        assert (frame[box.top + 1 : box.bottom - 1, [box.left + 2, box.right - 3]] == PANEL).all()
    assert (frame[outside] == BACKGROUND).all()
    assert (frame[:, [0, 1, WIDTH - 2, WIDTH - 1]] == BACKGROUND).all()


def assert_panels_do_not_overlap(panels):
    boxes = [box for box, _ in panels.values()]
    assert not any(a.overlaps(b) for a in boxes for b in boxes if a is not b)
    assert all(box.within(Box(0, 0, WIDTH, HEIGHT)) for box in boxes)


def assert_counts_add_up(summary: Summary):
    """The coloured counts above the panels are a partition of the arrived requests."""
    counts = [int(re.match(r"\d+", words)[0]) for words, _ in summary.counts]
    assert sum(counts) == summary.arrived > 0
    assert len({colour for _, colour in summary.counts}) == len(counts)
