"""The text of an epoch: every number is there, lines stay narrow, colours are those of the palette."""

import re
from dataclasses import replace

import pytest

from edge_llm_gym.rendering import render_row
from edge_llm_gym.rendering.batching.text import MAX_SLOTS, batching_text
from edge_llm_gym.rendering.batching.view import SlotOutcome
from edge_llm_gym.rendering.palette import OUTCOMES, URGENT
from edge_llm_gym.rendering.terminal import bar, compact, painted
from tests.rendering.by_hand import node_view, slot_view

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    return ESCAPES.sub("", text)


@pytest.mark.parametrize(
    "words",
    [
        "by-hand   epoch 7/50   t = 14.0 s",
        "3.00 of   8.00 GB free",  # node-0: 8 GB, half weights, a quarter of the rest KV
        "5.0 s  4+1",  # busy until 19, two batches
        "4.00 of   8.00 GB free",
        "0.0 s  idle",
        "queue  3 in slots, 6 hidden",
        "slot device prompt output min quality  value  waited     left",
        "1      0    641    120        0.75      2   1.5 s    1.0 s",
        "3      2    643    120        0.75      2   1.5 s    8.0 s",
        "reward +3.50   4 arrived  1 served  0 late  0 below quality  1 expired",
        "refused: 1 uplink, 0 downlink, 0 memory   nodes 62% busy, 1.25kJ",
        "node-0           <- devices 4",
        "41 arrived: 17 served  8 late  5 below quality  2 expired  9 pending",
        "served value 34.5 of 82",
    ],
)
def test_numbers_are_there(view, words):
    assert words in plain(batching_text(view))


def test_before_the_first_epoch(view):
    text = plain(batching_text(replace(view, last=None, queue=(), hidden=0)))
    assert "last epoch  none yet" in text
    assert "queue  0 in slots, 0 hidden" in text
    assert "slot device" not in text


def test_lines_stay_under_a_hundred_columns_when_everything_is_large(view):
    slots = tuple(SlotOutcome(slot, slot, 9000 + slot, "served", 0, 1.0) for slot in range(64))
    crowded = replace(
        view,
        scenario="long " * 40,
        nodes=tuple(replace(node_view(index), name="name" * 12, usable_bytes=1.6e11) for index in range(12)),
        queue=tuple(replace(slot_view(slot, 1e4), value=123456.0) for slot in range(1, 65)),
        last=replace(view.last, slots=slots, reward=-123456.789),
    )
    assert max(map(len, plain(batching_text(crowded)).splitlines())) < 100


def test_long_queues_are_cut_and_counted(view):
    long = replace(view, queue=tuple(slot_view(slot, 5.0) for slot in range(1, MAX_SLOTS + 8)))
    lines = plain(batching_text(long)).splitlines()
    assert "  ... 7 more with later deadlines" in lines
    assert sum(" 120        0.75" in line for line in lines) == MAX_SLOTS


def test_bars_are_in_proportion():
    text = plain(bar(((0.5, "a", URGENT), (0.25, "b", URGENT), (0.1, "c", URGENT)), 20))
    assert (text.count("a"), text.count("b"), text.count("c"), len(text)) == (10, 5, 2, 20)
    assert plain(bar(((3.0, "a", URGENT),), 8)) == "a" * 8


def test_memory_marks_follow_the_fractions(view):
    view = replace(view, nodes=(node_view(0, 0.25, freed_fraction=2 / 12),))
    line = next(line for line in plain(batching_text(view)).splitlines() if "node-0" in line and "GB" in line)
    assert [line.count(mark) for mark in "█▓▒░"] == [12, 3, 2, 7]  # of 24 columns


def test_slots_under_one_epoch_and_outcomes_are_coloured(view):
    text = batching_text(view)
    assert painted("■", URGENT) in text
    assert painted("■■■", OUTCOMES["pending"]) in text
    assert painted("17 served", OUTCOMES["served"]) in text


def test_colours_are_the_nearest_of_the_cube():
    assert painted("x", (0, 0, 0)) == "\x1b[38;5;16mx\x1b[0m"
    assert painted("x", (255, 255, 255)) == "\x1b[38;5;231mx\x1b[0m"
    assert painted("x", (213, 94, 0)) == "\x1b[38;5;166mx\x1b[0m"  # levels 215, 95 and 0: 16 + 36 * 4 + 6 * 1


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.894, "0.894"), (12.345, "12.3"), (999.4, "999"), (999.7, "1k"), (2764, "2.76k"), (1.5e6, "1.5M")],
)
def test_compact_numbers(number, text):
    assert compact(number) == text


def test_a_simulator_renders_as_its_view(tiny):
    assert "epoch 0/6   t = 2.0 s" in plain(render_row(tiny, 0, None, "ansi"))
