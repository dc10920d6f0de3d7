"""Sheets as Markdown and as LaTeX."""

from collections.abc import Callable, Iterable
from typing import Final

from edge_llm_gym.sheets.sheet import Sheet

LATEX_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the beginning of a row, a bracket would be taken for an optional argument
    "]": "{]}",
    "±": r"$\pm$",
    "−": "$-$",
    "µ": r"$\mu$",
    "×": r"$\times$",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
MARKDOWN_SPECIAL: Final = "\\`*_[]<>|#~"
MARKDOWN_RULES: Final = {"left": ":--", "right": "--:"}


def latex_text(text: str) -> str:
    """A text of one line with what LaTeX gives a meaning escaped."""
    return "".join(LATEX_SPECIAL.get(mark, mark) for mark in _one_line(text))


def markdown_text(text: str) -> str:
    """A text of one line with what Markdown gives a meaning escaped."""
    return "".join(f"\\{mark}" if mark in MARKDOWN_SPECIAL else mark for mark in _one_line(text))


def to_markdown(sheet: Sheet) -> str:
    """The sheet as a table of GitHub's Markdown, with its title above and its notes below."""
    heads = _joined((column.heading for column in sheet.columns), markdown_text, " | ")
    rules = " | ".join(MARKDOWN_RULES[column.align] for column in sheet.columns)
    rows = [_joined((cell.text for cell in row), markdown_text, " | ") for row in sheet.rows]
    table = "\n".join(f"| {line} |" for line in (heads, rules, *rows))
    title = f"**{markdown_text(sheet.title)}**" if sheet.title else ""
    return "\n\n".join(part for part in (title, table, *map(markdown_text, sheet.notes)) if part) + "\n"


def to_latex(sheet: Sheet) -> str:
    """The sheet as a LaTeX table environment with booktabs rules; the title is its caption, notes stand below.

    The document needs \\usepackage{booktabs}.
    """
    alignment = "".join(column.align[0] for column in sheet.columns)
    rows = [_joined((cell.text for cell in row), latex_text, " & ") + r" \\" for row in sheet.rows]
    lines = [
        r"\begin{table}",
        r"\centering",
        *([rf"\caption{{{latex_text(sheet.title)}}}"] if sheet.title else []),
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        _joined((column.heading for column in sheet.columns), latex_text, " & ") + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {latex_text(note)}" for note in sheet.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _joined(texts: Iterable[str], escape: Callable[[str], str], separator: str) -> str:
    return separator.join(map(escape, texts))
