"""Output in a pseudo-terminal of 80, 100, 120 and 160 columns: it fits, and nothing of it is cut."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge_llm_gym.models.catalogue import hardware_rows
from edge_llm_gym.scenario import load_scenario, scenario_names
from edge_llm_gym.yaml_text import parse_yaml

pty = pytest.importorskip("pty", reason="no pseudo-terminals on this platform")
WIDTHS = (80, 100, 120, 160)
COMMANDS = ("comparison", "scenarios list", "scenarios validate multi-node", "catalogue", "policies")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def read_all(descriptor: int) -> str:
    """All that is written to the other end of a pseudo-terminal, until that is closed."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # how Linux reports the end
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode()


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    """Output in plain text by command and width; colours are checked to be there."""
    master, slave = pty.openpty()
    script = Path(__file__).with_name("terminal_session.py")
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment = {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, script], stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    text = read_all(master)
    os.close(master)
    assert process.wait(60) == 0, text
    assert COLOURS.search(text)
    parts = re.split(r"^=== (.*)$", COLOURS.sub("", text.replace("\r\n", "\n")), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_terminal_and_none_is_cut(command, width, shown):
    output = shown[f"{command} {width}"]
    assert max(map(len, output.splitlines())) <= width
    assert "…" not in output


@pytest.mark.parametrize("width", WIDTHS)
def test_every_number_and_heading_of_a_comparison_is_whole(width, shown):
    words = shown[f"comparison {width}"].split()
    expected = "policy time p50 p95 [s] quality J/served utilisation ms/decision arrived late evicted expired memory"
    assert set(expected.split()) <= set(words)
    for number in ("101.00", "91.00", "81.000", "8100.0%", "[10000.0%,", "10200.0%]", "[-10.0,", "[-20.0,"):
        assert number in words
    assert words.count("edf[overrun_s=0]") == words.count("policy")


def test_more_columns_need_fewer_tables(shown):
    tables = [shown[f"comparison {width}"].count("policy ") for width in WIDTHS]
    assert tables == sorted(tables, reverse=True)
    assert tables[0] > tables[-1]


@pytest.mark.parametrize("width", WIDTHS)
def test_paths_fold_and_keep_every_character(width, shown):
    squeezed = re.sub(r"\s", "", shown[f"comparison {width}"])
    starts = "runs/a-long-folder-of"
    assert starts in squeezed
    assert "best.zip" in squeezed.replace("\n", "") or width < 120


@pytest.mark.parametrize("width", WIDTHS)
def test_lists_hold_every_row(width, shown):
    assert all(name in shown[f"catalogue {width}"].split() for name in hardware_rows())
    assert all(name in shown[f"scenarios list {width}"].split() for name in scenario_names())


@pytest.mark.parametrize("width", WIDTHS)
def test_yaml_is_whole_and_followed_by_the_nodes(width, shown):
    text, _, nodes = shown[f"show {width}"].partition("\n\n")
    assert parse_yaml(text) == load_scenario("single-node").model_dump(mode="json", exclude_none=True)
    assert "KV" in nodes
