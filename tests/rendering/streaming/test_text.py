"""The text of a moment of streaming dynamics: every number is there, lines stay narrow, colours are the palette's."""

import re
from dataclasses import replace

import pytest

from edge_llm_gym.rendering import render_row
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.rendering.palette import OUTCOMES, SLOW
from edge_llm_gym.rendering.streaming.text import streaming_text
from edge_llm_gym.rendering.terminal import WIDTH, painted
from tests.rendering.streaming.conftest import step_tiny

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    return ESCAPES.sub("", text)


@pytest.mark.parametrize(
    "line",
    [
        "by-hand   epoch 7/50   t = 14.0 s",
        "  cell-1               1      0.75    4  ██████        50%         3  ▬▬▬▬▬        4.0 s",
        "  cell-2               1      0.25    2  ████████████ 100%         0               0.0 s",
        "  hub                  2      0.50    4  ███           25%         2  ▬            1.0 s",
        "  cell-1           <- 4 by radio",
        "  hub              <- 3 from cell-1, 1 from cell-2",
        "  exit  1 █████             33% (episode  25%)   0.10 0.20 0.50 0.70 0.90  threshold 0.25 to 0.75",
        "  exit  2 ███████████       67% (episode  75%)   none yet                  ",
        "last epoch  reward +3.50   6 arrived: 3 served  2 late  1 below quality",
        "  mean delay 2.00 s, accuracy 25.0%   nodes 62% busy, 1.25kJ",
        "totals  36 arrived: 23 served  6 late  7 below quality (5 of them in flight)",
        "  mean delay 1.25 s, accuracy 62.5%",
    ],
)
def test_lines_are_there(view, line):
    assert line in plain(streaming_text(view)).splitlines()


def test_before_the_first_epoch(view):
    nodes = tuple(replace(node, threshold=None, sent=0) for node in view.nodes)
    text = plain(streaming_text(replace(view, last=None, trend=(), nodes=nodes)))
    assert "last epoch  none yet" in text
    assert "links" not in text
    assert "<-" not in text
    assert "0.75    4" not in text


def test_without_a_result_there_is_no_reward(view):
    text = plain(streaming_text(replace(view, last=replace(view.last, reward=None))))
    assert "last epoch  6 arrived" in text


def test_lines_stay_narrow_when_everything_is_large(view):
    nodes = tuple(
        replace(node, name="name" * 12, sent=9999, open_visits=99999, committed_s=9999.0, speed=0.001)
        for node in view.nodes * 4
    )
    flows = tuple(Flow(sender, 0, 1234) for sender in range(3, 15))
    crowded = replace(
        view,
        scenario="long " * 40,
        nodes=nodes,
        totals=replace(view.totals, arrived=123456, served=123456, late=123456, below_quality=123456, in_flight=12345),
        last=replace(view.last, reward=-123456.789, flows=flows),
    )
    assert max(map(len, plain(streaming_text(crowded)).splitlines())) <= WIDTH


def test_a_slowed_node_stands_out(view):
    slow = replace(view.nodes[0], speed=0.25)
    text = streaming_text(replace(view, nodes=(slow, *view.nodes[1:])))
    assert painted("  at 25%", SLOW) in text
    assert painted("█" * 6, SLOW) in text
    assert "at 25%" not in streaming_text(view)


def test_outcomes_are_coloured(view):
    for outcome, words in (("served", "23 served"), ("late", "2 late"), ("below_quality", "7 below quality")):
        assert painted(words, OUTCOMES[outcome]) in streaming_text(view)


def test_equal_thresholds_are_said_once(view):
    first = replace(view.exits[0], thresholds=(0.5, 0.5))
    assert "threshold 0.50\n" in plain(streaming_text(replace(view, exits=(first, view.exits[1]))))


def test_a_simulator_renders_as_its_view(tiny):
    result = step_tiny(tiny)
    text = plain(render_row(tiny, 0, result, "ansi"))
    assert "epoch 1/3   t = 2.0 s" in text
    assert "last epoch  reward -0.06   2 arrived: 1 served  1 late  0 below quality" in text
    assert "  s2-1             <- 1 from s1-2" in text
