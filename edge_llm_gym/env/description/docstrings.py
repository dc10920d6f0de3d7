"""Markdown tables in docstrings: the descriptions that the code carries."""

import inspect
import sys
from typing import Any


def docstring_table(documented: Any, first_head: str) -> list[dict[str, str]]:
    """Rows of the table whose first column has the given head, as head -> cell; names in the first one lose backticks.

    Raises ValueError if the docstring has no such table, and RuntimeError where Python runs without docstrings.
    """
    lines = iter(_lines(documented))
    heads = next((cells for line in lines if (cells := _cells(line)) and cells[0] == first_head), None)
    if heads is None:
        raise ValueError(f"no table with the first column {first_head!r} in the docstring of {documented!r}; add it")
    next(lines)  # the rule below the heads
    rows = []
    while cells := _cells(next(lines, "")):
        rows.append(dict(zip(heads, cells, strict=True)))
    return rows


def text_below_table(documented: Any) -> str:
    """What a docstring says after its table, errors left out."""
    lines = _lines(documented)
    last = max((index for index, line in enumerate(lines) if _cells(line)), default=len(lines))
    return "\n".join(lines[last + 1 :]).strip()


def _lines(documented: Any) -> list[str]:
    text = inspect.getdoc(documented)
    if text is None and sys.flags.optimize > 1:
        raise RuntimeError("descriptions are read from docstrings, which python -OO removes; run Python without -OO")
    return (text or "").splitlines()


def _cells(line: str) -> list[str]:
    """The cells of a line of a table, none for any other line."""
    if not line.startswith("|"):
        return []
    first, *others = (cell.strip() for cell in line.strip("|").split("|"))
    return [first.strip("`"), *others]
