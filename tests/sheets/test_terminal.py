"""What is printed to a terminal or a file: texts as they are, whatever they look like."""

import io
import re

import pytest

from edge_llm_gym.sheets import Cell, make_sheet
from edge_llm_gym.sheets.terminal import WIDTH_OF_FILES, Terminal

BRACKETS = ("pip install 'edge-llm-gym[plots]'", "a[/red]b", "azure[conv].csv", r"\[x]", ":smile:", "[bold]x[/]")


def printed(use, **settings) -> str:
    file = io.StringIO()
    use(Terminal(file=file, **settings))
    return file.getvalue()


@pytest.mark.parametrize("text", BRACKETS)
def test_texts_are_no_markup_wherever_they_stand(text):
    sheet = make_sheet(text, ("name", text), [(text, Cell(text, tone="good"))], (text,))
    assert printed(lambda terminal: terminal.sheet(sheet)).count(text) == 5
    for use in ("line", "note", "error", "yaml"):
        assert text in printed(lambda terminal, use=use: getattr(terminal, use)(text))
    assert f"wrote {text}\n" == printed(lambda terminal: terminal.wrote(text))
    assert text in printed(lambda terminal: terminal.parts((text, "bold")))


def test_lines_of_files_are_not_broken(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    text = "word " * 60
    assert printed(lambda terminal: terminal.line(text)).count("\n") == 1
    assert Terminal(file=io.StringIO()).console.width == WIDTH_OF_FILES
    monkeypatch.setenv("COLUMNS", "90")
    assert Terminal(file=io.StringIO()).console.width == 90


def test_long_paths_of_rows_fold_and_keep_every_character():
    path = "runs/" + "x" * 70 + "/best.zip"
    sheet = make_sheet("", ("policy", "value", "other"), [(path, "1" * 20, "2" * 20)])
    output = printed(lambda terminal: terminal.sheet(sheet), width=60)
    assert max(map(len, output.splitlines())) <= 60
    first_table = output.split("\n\n")[0]
    assert re.sub(r"[\s1]", "", first_table).endswith(path)
    assert "1" * 20 in output
    assert "2" * 20 in output
