"""The figure of a comparison: numbers at the bars, and the break of the axis of paired differences."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.plots import comparison_figure, far_policies

pytest.importorskip("matplotlib")

SEEDS = 4
NEAR = {"best": 100.0, "second": 99.0, "third": 97.0, "fourth": 94.0}


def comparison(served: dict[str, float]) -> Comparison:
    """Policies that serve a value in every episode, plus 0 to 3 on the seeds."""
    episodes = {
        name: tuple(
            {
                "served_value": value + seed,
                "served_share": value / 200.0,
                "delay_p95_s": 2.25,
                "quality": 0.5,
                "utilisation": 0.75,
            }
            for seed in range(SEEDS)
        )
        for name, value in served.items()
    }
    return Comparison("EdgeLLM/SingleNode-v0", tuple(range(SEEDS)), episodes)


def numbers(axis) -> list[str]:
    return [text.get_text() for text in axis.texts]


def test_every_bar_carries_its_number_in_the_format_of_the_tables():
    axes = comparison_figure(comparison(NEAR)).get_axes()
    assert [numbers(axis) for axis in axes[:4]] == [
        ["50.0%", "49.5%", "48.5%", "47.0%"],
        ["2.25"] * 4,
        ["0.500"] * 4,
        ["75%"] * 4,
    ]
    assert numbers(axes[4]) == ["-1.0", "-3.0", "-6.0"]
    for axis in axes[:4]:
        assert axis.get_xlim()[1] > 1.15 * max(bar.get_width() for bar in axis.patches)


@pytest.mark.parametrize(
    ("served", "far"),
    [
        (NEAR, []),
        (NEAR | {"random": 5.0}, ["random"]),
        (NEAR | {"worse": 60.0, "random": 5.0}, ["worse", "random"]),
        ({"best": 100.0, "other": 1.0}, []),
        ({"best": 100.0, "other": 99.0, "random": 1.0}, ["random"]),
        ({"best": 100.0, "near": 99.5, "a": 50.0, "b": 49.0}, []),  # those behind a break are at most half
        ({"best": 100.0}, []),
        ({"a": 100.0, "b": 100.0, "c": 100.0}, []),
    ],
)
def test_far_policies_are_a_minority_beyond_a_large_step(served, far):
    assert far_policies(comparison(served)) == far


def test_far_differences_stand_behind_a_break():
    axes = comparison_figure(comparison(NEAR | {"random": 5.0})).get_axes()
    assert len(axes) == 6
    far, near = axes[-2:]
    assert numbers(far) == ["-95.0"]
    assert numbers(near) == ["-1.0", "-3.0", "-6.0"]
    low, high = near.get_xlim()
    assert -10 < low < -6
    assert high > 0
    assert far.get_xlim()[1] < low
    assert near.get_position().width > far.get_position().width
    assert not near.spines["left"].get_visible()


def test_a_single_seed_is_drawn_without_intervals():
    one = comparison(NEAR | {"random": 5.0})
    single = Comparison(one.environment, (0,), {name: episodes[:1] for name, episodes in one.episodes.items()})
    axes = comparison_figure(single).get_axes()
    assert numbers(axes[-2]) == ["-95.0"]
    assert numbers(axes[0])[0] == "50.0%"
    assert all(np.isnan(line.get_xdata()).all() for line in axes[0].lines)


def test_differences_are_drawn_to_the_reference():
    axes = comparison_figure(replace(comparison(NEAR), against="third")).get_axes()
    assert numbers(axes[-1]) == ["+3.0", "+2.0", "-3.0"]
    assert "difference to third" in axes[-1].get_title(loc="right")
