"""Tables as data, and their renderers for terminals, Markdown and LaTeX."""

from edge_llm_gym.sheets.markup import to_latex, to_markdown
from edge_llm_gym.sheets.sheet import Cell, Column, Sheet, make_sheet

__all__ = ["Cell", "Column", "Sheet", "make_sheet", "to_latex", "to_markdown"]
