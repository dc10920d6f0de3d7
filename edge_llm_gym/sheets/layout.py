"""Widths of a sheet's columns in a terminal, and which columns stand in which of several tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from edge_llm_gym.sheets.sheet import Sheet

GAP, NARROW_GAP = 2, 1
"""Columns of the terminal between two columns of a table; the narrow gap where a table fits with it alone."""
LEAST_FOLDED: Final = 24
"""Width below which a column that folds is rather moved to a table of its own."""
LARGEST_KEY_SHARE: Final = 0.3
"""Share of the terminal's width that the first column takes at most if the table is too wide otherwise."""
LONGEST_WORD: Final = 20
"""Width of a word of a heading above which it is broken, as it is for the path of a policy."""

Widths = dict[int, int]
"""Index of a column -> its width."""


@dataclass(frozen=True)
class Layout:
    """The tables that show a sheet, one below the other."""

    tables: tuple[Widths, ...]
    gap: int
    """Columns of the terminal between two columns of a table."""


def text_width(text: str) -> int:
    """Width of the longest line."""
    return max((cell_len(line) for line in text.splitlines()), default=0)


def word_width(text: str) -> int:
    """Width of the longest word."""
    return max((cell_len(word) for word in text.split()), default=0)


def fitted_layout(sheet: Sheet, width: int) -> Layout:
    """Tables that show all columns within a width: one if that is enough, otherwise each begins with the first column.

    Headings fold between words to the width of their cells. Cells fold where their column says so, and where one alone
    is wider than the terminal.
    """
    count = len(sheet.columns)
    natural = [_natural_width(sheet, index) for index in range(count)]
    least = [_least_width(sheet, index, natural[index]) for index in range(count)]
    free = width - sum(least)
    gap = NARROW_GAP if NARROW_GAP * (count - 1) <= free < GAP * (count - 1) else GAP
    if gap * (count - 1) <= free:
        return Layout((_spread(dict(enumerate(least)), natural, width, gap),), gap)
    key = min(least[0], max(1, int(width * LARGEST_KEY_SHARE)) if count > 1 else width)
    groups = ({0: key} | _fitted(group, least, width - key - gap) for group in _groups(least[1:], width - key, gap))
    return Layout(tuple(_spread(group, natural, width, gap) for group in groups), gap)


def _groups(least: Sequence[int], free: int, gap: int) -> list[list[int]]:
    """Indices of the columns after the first one, as many per table as fit into its free width."""
    groups: list[list[int]] = [[]]
    used = 0
    for index, needed in enumerate(least, start=1):
        if groups[-1] and used + gap + needed > free:
            groups.append([])
            used = 0
        groups[-1].append(index)
        used += gap + needed
    return groups


def _fitted(group: Sequence[int], least: Sequence[int], free: int) -> Widths:
    """Widths of the columns of a group; a column that is wider than the free width alone gets that."""
    return {index: max(1, min(least[index], free)) for index in group}


def _spread(chosen: Widths, natural: Sequence[int], width: int, gap: int) -> Widths:
    """Gives the width that is left over to the columns that lack least first."""
    left = width - sum(chosen.values()) - gap * (len(chosen) - 1)
    spread = dict(chosen)
    for index in sorted(chosen, key=lambda index: natural[index] - chosen[index]):
        more = max(0, min(left, natural[index] - chosen[index]))
        spread[index] += more
        left -= more
    return spread


def _natural_width(sheet: Sheet, index: int) -> int:
    heading = text_width(sheet.columns[index].heading)
    return max(heading, 1, *(text_width(row[index].text) for row in sheet.rows))


def _least_width(sheet: Sheet, index: int, natural: int) -> int:
    """The width below which digits or words would be cut."""
    heading = min(word_width(sheet.columns[index].heading), LONGEST_WORD)
    cells = [row[index].text for row in sheet.rows]
    if sheet.columns[index].folds:
        return min(natural, max(LEAST_FOLDED, heading))
    return max(heading, 1, *(text_width(cell) for cell in cells))
