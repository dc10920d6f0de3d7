"""The text of batching-and-routing dynamics: stages and exits among the lines of batching dynamics, none of them wide."""

import re
from dataclasses import replace

import pytest

from edge_llm_gym.rendering import render_row
from edge_llm_gym.rendering.batching_routing.text import staged_text
from edge_llm_gym.rendering.streaming.exits import Flow
from edge_llm_gym.rendering.terminal import WIDTH
from edge_llm_gym.rendering.text import epoch_text
from tests.sim.pooled.routing_by_hand import act
from tests.sim.pooled.test_routing_transition import OFFLOAD, THRESHOLD, A, B

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    return ESCAPES.sub("", text)


@pytest.mark.parametrize(
    "line",
    [
        "by-hand   epoch 7/50   t = 14.0 s",
        "stages  requests of the last epoch: 8 admitted, 4 forwarded",
        "  node-0               1      0.75    5       3  <- 5 by radio",
        "  node-1               1      0.25    3       1  <- 3 by radio",
        "  node-2               2      0.50    4          <- 3 from node-0, 1 from node-1",
        "  exit  1 ████████          50% (episode  50%)   0.10 0.20 0.50 0.70 0.90  threshold 0.25 to 0.75",
        "queue  2 shown, 0 hidden",
        "last epoch  reward +3.50   4 arrived  2 served  1 late  0 below_quality  1 expired",
    ],
)
def test_lines_are_there(view, line):
    assert line in plain(staged_text(view)).splitlines()


def test_the_lines_of_epoch_admission_stay_in_order(view):
    lines, kept = staged_text(view).splitlines(), epoch_text(view).splitlines()
    added = [index for index, line in enumerate(lines) if line not in kept]
    assert [line for line in lines if line in kept] == kept
    assert added == list(range(added[0], added[0] + 8))  # together: heads of stages and exits, three nodes, two exits


def test_before_the_first_epoch(solved):
    text = plain(render_row(solved, 0, None, "ansi"))
    assert "stages  requests of the last epoch: 0 admitted, 0 forwarded" in text
    assert "  s1-1                 1              0       0\n" in text
    assert "<-" not in text


def test_a_simulator_renders_as_its_view(solved):
    text = plain(render_row(solved, 0, act(solved, [A, A, A, B, B], OFFLOAD, THRESHOLD), "ansi"))
    assert "  s1-1                 1      0.50    3       2  <- 3 by radio" in text
    assert "  s2-1                 2      0.70    2          <- 1 from s1-1, 1 from s1-2" in text


def test_lines_stay_narrow_when_everything_is_large(view):
    nodes = tuple(replace(node, name="name" * 12, took=99999, sent_on=99999) for node in view.nodes * 4)
    flows = tuple(Flow(sender, 0, 1234) for sender in range(3, 15))
    crowded = replace(view, scenario="long " * 40, nodes=nodes, flows=flows, settled=123456)
    assert max(map(len, plain(staged_text(crowded)).splitlines())) <= WIDTH
