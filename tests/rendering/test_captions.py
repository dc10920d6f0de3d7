"""Captions such as "edf, seed 3" in the titles of every picture, and the texts above the panels of frames."""

import re
from dataclasses import replace

import gymnasium
import pytest

from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.rendering.canvas import Canvas, text_width
from edge_llm_gym.rendering.moment import Moment
from edge_llm_gym.rendering.page import SIDE_MARGIN, TITLE_GAP, WIDTH, Summary, draw_page
from edge_llm_gym.rendering.terminal import WIDTH as COLUMNS
from edge_llm_gym.rendering.terminal import header, usage_text
from edge_llm_gym.rendering.timeline import episode_timeline

CAPTION = "ot-gah[overrun_s=0], seed 3"
SUMMARY = Summary("served value 253.0 of 483.0 (52%)", 4, (("4 served", (0, 158, 115)),), "last epoch: reward +7.00")


def moment(scenario: str = "multi-node", caption: str = "") -> Moment:
    return Moment(scenario, 7, 50, 14.0, 2.0, (1000.0, 1000.0), caption=caption)


def drawn_texts(monkeypatch, view: Moment, summary: Summary = SUMMARY) -> list[tuple[str, int, int]]:
    """The texts of a page without panels, each with its left and right edge in pixels."""
    texts, write = [], Canvas.text

    def record(canvas, x, middle, text, size, *style):
        right = write(canvas, x, middle, text, size, *style)
        texts.append((text, right - text_width(text, size), right))
        return right

    monkeypatch.setattr(Canvas, "text", record)
    draw_page(view, summary, {})
    return texts


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_the_title_of_a_frame_is_scenario_and_caption(monkeypatch):
    texts = drawn_texts(monkeypatch, moment(caption=CAPTION))
    assert {"multi-node", CAPTION, SUMMARY.score, SUMMARY.last, "epoch 7 of 50, t = 14.0 s"} <= {
        one for one, *_ in texts
    }


@pytest.mark.parametrize(
    ("scenario", "caption"), [("x" * 200, CAPTION), ("multi-node", "c" * 200), ("x" * 200, "c" * 200)]
)
def test_long_titles_share_the_space_beside_the_score(scenario, caption, monkeypatch):
    texts = drawn_texts(monkeypatch, moment(scenario, caption))
    (title, left, end), (shown, begin, right) = (
        next(one for one in texts if one[0][:1] == letter) for letter in (scenario[0], caption[0])
    )
    (score_left,) = (left for text, left, _ in texts if text == SUMMARY.score)
    assert left == SIDE_MARGIN
    assert end < begin
    assert right <= score_left - TITLE_GAP
    half = (score_left - TITLE_GAP - SIDE_MARGIN) / 2
    assert title == scenario or end - left > 0.8 * half
    assert shown == caption or right - begin > 0.8 * half


def test_the_last_epoch_of_a_long_run_is_not_cut(monkeypatch):
    last = f"last epoch: reward -1234.56, {usage_text(1.0, 9.99e8)}"
    view = replace(moment(), epoch=100_000, horizon=100_000, time_s=400_000.0)
    counts = tuple(
        (f"{12345} {name}", (0, 0, 0)) for name in ("served", "late", "below quality", "expired", "pending", "running")
    )
    texts = drawn_texts(monkeypatch, view, Summary(SUMMARY.score, 123456, counts, last))
    assert last in [text for text, *_ in texts]
    assert all(left >= SIDE_MARGIN and right <= WIDTH - SIDE_MARGIN for _, left, right in texts)


def test_a_text_begins_with_scenario_caption_and_moment():
    assert plain(header(moment(caption=CAPTION))) == f"multi-node   {CAPTION}   epoch 7/50   t = 14.0 s"
    assert plain(header(moment())) == "multi-node   epoch 7/50   t = 14.0 s"
    assert len(plain(header(moment("x" * 200)))) == COLUMNS
    long = plain(header(moment("x" * 200, "c" * 200)))
    assert len(long) == COLUMNS
    assert min(long.count("x"), long.count("c")) > 30


@pytest.fixture(scope="module")
def env() -> EdgeLLMEnv:
    made = gymnasium.make("EdgeLLM/SingleNode-v0", render_mode="ansi", overrides={"horizon_epochs": 2}).unwrapped
    made.reset(seed=3)
    return made


def test_an_environment_puts_its_caption_into_its_pictures(env):
    env.caption = CAPTION
    assert plain(env.render()).startswith(f"single-node   {CAPTION}   epoch 0/2")
    assert env.view().caption == CAPTION
    env.caption = ""
    assert plain(env.render()).startswith("single-node   epoch 0/2")


def test_a_timeline_is_titled(env):
    pytest.importorskip("matplotlib")
    assert episode_timeline(env.simulator, 0, CAPTION).get_suptitle() == f"single-node, {CAPTION}: 0 epochs of 4 s"
    assert episode_timeline(env.simulator, 0).get_suptitle() == "single-node: 0 epochs of 4 s"
