"""The page of an episode: its content, its compact frames, and its slider in a headless browser."""

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from edge_llm_gym.rendering.batching.frames import batching_frame
from edge_llm_gym.rendering.html import episode_page, shot_of
from edge_llm_gym.rendering.html.course import course
from edge_llm_gym.rendering.html.shot import COLOURS, compact_png
from edge_llm_gym.rendering.palette import KV_CACHE, OUTCOMES, REFUSED, URGENT
from tests.browser import Page, require_self_contained, shown

Image = pytest.importorskip("PIL.Image", reason="frames need Pillow")
EVIL = "<script>document.body.dataset.evil = 1</script>"


@pytest.fixture
def text(view) -> str:
    """Three epochs of the view written by hand, in which 17, 3 and 0 requests are served."""
    nodes = (replace(view.nodes[0], name=EVIL), *view.nodes[1:])
    totals = [replace(view.totals, served=served) for served in (17, 20, 20)]
    views = [replace(view, epoch=7 + index, nodes=nodes, totals=each) for index, each in enumerate(totals)]
    frame = np.zeros((4, 6, 3), np.uint8)
    shots = [shot_of(each, frame, reward) for each, reward in zip(views, (1.0, -2.5, 0.0), strict=True)]
    return episode_page(shots, "batching", f"mine {EVIL}", "a note")


def test_every_epoch_has_its_line_frame_and_tables(text):
    parsed = Page(text)
    require_self_contained(text)
    assert parsed.texts("h2") == [
        "epoch 7 of 50, t = 14.0 s: reward +1.00, 17 served",
        "epoch 8 of 50, t = 14.0 s: reward -2.50, 3 served",
        "epoch 9 of 50, t = 14.0 s: reward +0.00, 0 served",
    ]
    assert len(parsed.all("img")) == 3
    titles = ["queue: 3 in slots, 6 hidden", "batches that ended in the last epoch or are unfinished", "nodes"]
    assert parsed.texts("h3") == [*titles, "slots of the last epoch"] * 3


def test_tables_hold_the_numbers_of_the_view(text):
    rows = Page(text).texts("tr")  # the cells of a row, one after the other
    assert "106411200.7521.51.0" in rows  # slot 1
    assert f"{EVIL}613.015.043100.50" in rows  # batch of epoch 6
    assert f"{EVIL}nvidia-l40.9808.003.005.04+1" in rows  # memory in GB with two decimals, as in text and frame
    assert "min quality" in Page(text).texts("th")
    assert f"14served{EVIL}2.50" in rows
    assert "23refused uplink--" in rows


def test_names_of_users_are_escaped(text):
    assert len(Page(text).all("script")) == 2  # those of the page


def test_frames_keep_the_colours_of_small_areas(view):
    frame = batching_frame(view)
    png = compact_png(frame)
    image = Image.open(BytesIO(png))
    decoded = np.asarray(image.convert("RGB")).astype(int)
    assert image.mode == "P"
    assert len(np.unique(decoded.reshape(-1, 3), axis=0)) <= COLOURS
    assert np.abs(decoded - frame).mean() < 1.0
    for colour in (*OUTCOMES.values(), KV_CACHE):
        drawn = (frame == colour).all(axis=-1)
        assert drawn.any()
        np.testing.assert_array_equal(decoded[drawn], np.broadcast_to(colour, (drawn.sum(), 3)))


def test_single_pixels_keep_the_colours_of_the_palette_beside_many_others():
    frame = np.random.default_rng(0).integers(0, 40, (60, 60, 3), np.uint8).repeat(2, axis=1)
    colours = [*OUTCOMES.values(), KV_CACHE, URGENT, REFUSED]
    frame[0, : len(colours)] = colours
    decoded = np.asarray(Image.open(BytesIO(compact_png(frame))).convert("RGB"))
    np.testing.assert_array_equal(decoded[0, : len(colours)], colours)


def test_an_image_of_few_colours_is_kept_exactly():
    frame = np.random.default_rng(0).integers(0, 2, (5, 7, 3), np.uint8) * 200
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(compact_png(frame))).convert("RGB")), frame)


def test_a_course_runs_from_left_to_right_and_grows_upwards():
    parsed = Page(course("reward", [1, 2, 3], [0.0, 5.0, 10.0]))
    marks = [(float(mark["cx"]), float(mark["cy"])) for mark in parsed.all("circle")]
    assert marks == [(4.0, 56.0), (150.0, 30.0), (296.0, 4.0)]
    assert parsed.texts("figcaption") == ["reward per epoch, from 0 to 10"]


def test_a_course_of_one_value_is_drawn():
    assert Page(course("reward", [1], [0.0])).all("circle")[0]["cy"] == "56.0"


STEPS = """
const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const state = () => document.querySelector("section:not([hidden])").dataset.epoch
  + document.querySelectorAll("section:not([hidden])").length + document.querySelector("circle.shown").dataset.epoch;
const found = [state()];
for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"]) {
  press(key);
  found.push(state());
}
const slider = document.getElementById("slider");
slider.value = 1;
slider.dispatchEvent(new Event("input"));
found.push(state());
const play = document.getElementById("play");
press("Home");
play.click();
found.push(play.ariaLabel);
setTimeout(() => { found.push(state(), play.ariaLabel); document.body.dataset.found = JSON.stringify(found); }, 2500);
"""


def test_keys_slider_and_play_button_move_over_the_epochs(text, tmp_path):
    (body,) = shown(text, tmp_path, STEPS).all("body")
    first, second, last = "717", "818", "919"
    moves = [first, second, last, last, second, first, last, second]
    assert json.loads(body["data-found"]) == [*moves, "pause", last, "play"]


def test_the_address_chooses_the_epoch(text, tmp_path):
    parsed = shown(text, tmp_path, address="#8")
    assert [section["data-epoch"] for section in parsed.all("section") if "hidden" not in section] == ["8"]
    assert "data-evil" not in parsed.all("body")[0]
    assert [part for part in parsed.all("p") if "controls" in part.get("class", "") and "hidden" in part] == []
