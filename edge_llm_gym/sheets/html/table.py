"""A sheet as an HTML table, which the script of the page makes sortable."""

from collections.abc import Sequence

from edge_llm_gym.sheets.html.elements import html_text, paragraph, wide
from edge_llm_gym.sheets.sheet import Cell, Column, Sheet


def to_html(sheet: Sheet) -> str:
    """The table in a region that scrolls sideways where the page is narrow, with its title above and its notes below.

    The number behind a cell is in its attribute data-value, by which the script of the page sorts.
    """
    heads = "".join(map(_head, sheet.columns))
    rows = "".join(_row(row, sheet.columns) for row in sheet.rows)
    table = f'<table class="sheet"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    title = f"<h3>{html_text(sheet.title)}</h3>" if sheet.title else ""
    notes = "".join(paragraph(note, "note") for note in sheet.notes)
    return f"{title}{wide(table, sheet.title or 'table')}{notes}"


def _head(column: Column) -> str:
    return f'<th scope="col" class="{column.align}"><button type="button">{html_text(column.heading)}</button></th>'


def _row(row: Sequence[Cell], columns: Sequence[Column]) -> str:
    """The first cell names the row."""
    tags = ("th", *("td" for _ in columns[1:]))
    cells = map(_cell, row, columns, tags)
    return f"<tr>{''.join(cells)}</tr>"


def _cell(cell: Cell, column: Column, tag: str) -> str:
    scope = ' scope="row"' if tag == "th" else ""
    value = "" if cell.value is None else f' data-value="{cell.value!r}"'
    kind = f"{column.align} {cell.tone}".strip()
    return f'<{tag}{scope} class="{kind}"{value}>{html_text(cell.text)}</{tag}>'
