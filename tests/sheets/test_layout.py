"""Columns within the width of a terminal: nothing is cut, and tables are stacked where one is too narrow."""

from hypothesis import given
from hypothesis import strategies as st

from edge_llm_gym.sheets import Column, make_sheet
from edge_llm_gym.sheets.layout import GAP, NARROW_GAP, fitted_layout

WIDE = make_sheet("", ("name", "alpha", "beta", "gamma"), [("a", "1" * 20, "2" * 20, "3" * 20)])


def total(widths, gap):
    return sum(widths.values()) + gap * (len(widths) - 1)


def test_one_table_where_it_fits_and_the_narrow_gap_where_it_helps():
    needed = 4 + 3 * 20
    for width, gap in ((needed + 3 * GAP, GAP), (needed + 3 * GAP - 1, NARROW_GAP), (needed + 3 * NARROW_GAP, 1)):
        layout = fitted_layout(WIDE, width)
        assert (layout.gap, [list(widths) for widths in layout.tables]) == (gap, [[0, 1, 2, 3]])
    assert len(fitted_layout(WIDE, needed + 3 * NARROW_GAP - 1).tables) == 2


def test_stacked_tables_repeat_the_first_column_and_hold_every_other_one_once():
    layout = fitted_layout(WIDE, 30)
    assert [list(widths) for widths in layout.tables] == [[0, 1], [0, 2], [0, 3]]


def test_headings_fold_before_tables_are_stacked():
    sheet = make_sheet("", ("name", "a long heading", "another long heading"), [("x", "1.00", "2.00")])
    assert fitted_layout(sheet, 40).tables == ({0: 4, 1: 14, 2: 18},)
    assert fitted_layout(sheet, 24).tables == ({0: 4, 1: 9, 2: 7},)


def test_descriptions_fold_and_other_cells_do_not():
    columns = ("name", Column("text", "left", folds=True), "number")
    (widths,) = fitted_layout(make_sheet("", columns, [("x", "word " * 30, "123456")]), 60).tables
    assert widths[2] == 6
    assert total(widths, GAP) == 60


WORDS = st.text("ab ", max_size=30)


@given(
    st.lists(st.lists(WORDS, min_size=4, max_size=4), min_size=1, max_size=3),
    st.lists(WORDS, min_size=4, max_size=4),
    st.integers(20, 200),
)
def test_every_layout_fits_and_shows_each_column_once(rows, heads, width):
    layout = fitted_layout(make_sheet("", heads, rows), width)
    assert all(total(widths, layout.gap) <= width for widths in layout.tables)
    assert [index for widths in layout.tables for index in widths if index] == [1, 2, 3]
    assert all(0 in widths and min(widths.values()) > 0 for widths in layout.tables)
