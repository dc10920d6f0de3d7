"""Progress where there is no terminal, and on one."""

import io

import pytest
from rich.console import Console

from edge_llm_gym.sheets.progress import Bars, Lines, Silent, progress, progress_bars
from edge_llm_gym.sheets.terminal import Terminal


class Watched(io.StringIO):
    """A stream that counts how often it was flushed."""

    flushes = 0

    def flush(self):
        self.flushes += 1


def test_a_task_says_what_is_done_now_and_then():
    stream = Watched()
    advance = Lines(Terminal(file=stream), every_s=0.0).task("steps", 2000)
    advance(1000)
    assert stream.getvalue() == "steps: 1,000 of 2,000 after 0 s\n"
    assert stream.flushes > 0


def test_lines_of_a_task_are_not_more_frequent_than_asked_for():
    stream = io.StringIO()
    lines = Lines(Terminal(file=stream), every_s=1000.0)
    advance = lines.task("steps", 3)
    for done in range(1, 4):
        advance(done)
    assert stream.getvalue() == ""
    lines.say("score [0.5]")
    assert stream.getvalue() == "score [0.5]\n"


def test_lines_where_the_output_is_no_terminal(capsys):
    with progress() as shown:
        assert isinstance(shown, Lines)
        shown.say("a result")
    with progress(False) as shown:
        assert isinstance(shown, Silent)
        shown.task("steps", 3)(1)
        shown.say("nothing")
    assert capsys.readouterr().out == "a result\n"


@pytest.mark.parametrize("columns", [80, 120])
def test_results_stay_above_the_bars_of_a_terminal(columns, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    terminal = Terminal(file=stream, width=columns)
    terminal.console = Console(file=stream, width=columns, force_terminal=True, force_interactive=True)
    with progress_bars(terminal.console) as shown:
        bars = Bars(shown, terminal)
        bars.task("round 1: [labels]", 10)(4)
        bars.say("round 1: score 0.5")
        shown.refresh()
    assert "round 1: score 0.5" in stream.getvalue()
    assert "4/10" in stream.getvalue()
    assert "[labels]" in stream.getvalue()
