"""The figure of learning curves: a panel for every curve, with the returns of reference as lines."""

import json

import numpy as np
import pytest

from benchmarks.clients import curves

pytest.importorskip("matplotlib", reason="figures need the extra 'plots'")
ENTRY = {
    "recipe": "sbx",
    "environment": "edge_llm_gym:EdgeLLM/SingleNode-Sequential-v0",
    "returns": {"random": 70.5, "trained": 400.0},
    "curve": {"steps": [10, 20, 30, 40, 50, 60, 70, 80], "returns": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]},
}
NO_CURVE = {"recipe": "torchrl", "environment": "X-v0", "returns": {}, "curve": {}}


def test_means_are_over_the_last_quarter_of_the_episodes():
    ends, means = curves.moving_mean(np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]))
    np.testing.assert_array_equal(ends, np.arange(1, 8))
    np.testing.assert_allclose(means, [1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0])
    assert curves.moving_mean(np.array([5.0, 7.0]))[1] == [6.0]


def test_a_panel_shows_episodes_their_mean_and_the_references():
    with_zeros = ENTRY | {"recipe": "sb3_ppo", "returns": {"random": 70.5, "zeros": 90.0}}
    figure = curves.draw([NO_CURVE, ENTRY, with_zeros, {"recipe": "old", "returns": {}}])
    first, second = (axis for axis in figure.axes if axis.get_visible())
    assert first.get_title() == "sbx, SingleNode-Sequential"
    episodes, mean, random = first.get_lines()
    np.testing.assert_array_equal(episodes.get_xydata(), [[10.0 * k, float(k)] for k in range(1, 9)])
    np.testing.assert_array_equal(mean.get_xdata()[[0, -1]], [20.0, 80.0])
    assert list(random.get_ydata()) == [70.5, 70.5]
    assert [line.get_ydata()[0] for line in second.get_lines()[2:]] == [70.5, 90.0]
    assert [text.get_text() for text in figure.legends[0].get_texts()][2:] == [
        "random actions",
        "actions that are all zero",
    ]


def test_a_curve_of_one_episode_has_no_mean():
    one = ENTRY | {"curve": {"steps": [10], "returns": [3.0]}}
    assert len(curves.draw([one]).axes[0].get_lines()) == 2


def test_the_command_writes_the_picture_or_says_what_is_missing(tmp_path, capsys):
    results, out = tmp_path / "clients.json", tmp_path / "pictures" / "clients.png"
    results.write_text(json.dumps([ENTRY]))
    assert curves.main(["--results", str(results), "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    results.write_text(json.dumps([NO_CURVE]))
    assert curves.main(["--results", str(results), "--out", str(out)]) == 2
    assert "run their recipes first: make check-clients" in capsys.readouterr().err
