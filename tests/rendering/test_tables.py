"""Tables of counts in figures: cells, and columns without counts, which are left out and named."""

import numpy as np
import pytest

from edge_llm_gym.rendering.figures import empty_figure
from edge_llm_gym.rendering.tables import draw_table

pytest.importorskip("matplotlib")


def drawn(table, columns):
    axes = empty_figure(4.0).subplots()
    draw_table(axes, np.array(table), None, columns, "title")
    return axes


def heads(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def test_empty_columns_are_left_out_and_named():
    axes = drawn([[0, 3, 0, 1], [0, 0, 0, 2]], list("abcd"))
    np.testing.assert_array_equal(axes.images[0].get_array(), [[3, 1], [0, 2]])
    assert heads(axes) == ["b", "d"]
    assert axes.get_xlabel() == "none: a, c"
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        ((0, 0), "3"),
        ((1, 0), "1"),
        ((1, 1), "2"),
    ]


def test_a_full_table_has_no_note():
    axes = drawn([[1, 0], [0, 1]], ["a", "b"])
    assert heads(axes) == ["a", "b"]
    assert axes.get_xlabel() == ""


def test_many_empty_columns_are_counted():
    assert drawn([[1] + [0] * 9], list("abcdefghij")).get_xlabel() == "none: 9 nodes"


def test_a_table_without_counts_keeps_its_columns():
    axes = drawn([[0, 0], [0, 0]], ["a", "b"])
    assert heads(axes) == ["a", "b"]
    assert axes.get_xlabel() == ""
