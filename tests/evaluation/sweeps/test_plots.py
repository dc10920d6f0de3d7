"""Figures of sweeps: what is drawn equals the numbers."""

import numpy as np
import pytest

from edge_llm_gym.evaluation.sweeps.plots import sweep_figure
from tests.evaluation.sweeps.invented import POLICIES, RATES_AND_MEMORY, invented, value

pytest.importorskip("matplotlib", reason="figures need the extra 'plots'")


def lines_of(axis):
    """Coordinates [2, n] of the lines with a label, by it."""
    return {line.get_label(): np.array(line.get_data()) for line in axis.lines if not line.get_label().startswith("_")}


def test_lines_go_through_the_means_by_rising_values_within_their_bands():
    sweep = invented().shown(["served_share", "quality"])
    axes = np.reshape(sweep_figure(sweep).axes, (2, 2))
    rates, order = [1.0, 2.5, 4.0], [1, 2, 0]
    for means, differences in axes:
        drawn, paired = lines_of(means), lines_of(differences)
        assert list(drawn) == list(POLICIES)
        assert list(paired) == ["mine[x=1]"]
        for rank, policy in enumerate(POLICIES):
            samples = np.array([[value(point, rank, seed) for seed in range(2)] for point in order])
            np.testing.assert_allclose(drawn[policy], [rates, samples.mean(axis=1)])
            band = means.collections[rank].get_paths()[0].vertices
            for rate, low, high in zip(rates, samples.min(axis=1), samples.max(axis=1), strict=True):
                heights = band[band[:, 0] == rate, 1]
                np.testing.assert_allclose([heights.min(), heights.max()], [low, high])
        gap = [np.mean([value(point, 1, seed) - value(point, 0, seed) for seed in range(2)]) for point in order]
        np.testing.assert_allclose(paired["mine[x=1]"], [rates, gap])
        assert differences.get_title(loc="left") == "difference to edf, without random"


def test_the_axis_is_logarithmic_where_values_span_a_large_ratio():
    for rates, scale in (([1, 2, 8], "linear"), ([1, 2, 9], "log")):
        axis = sweep_figure(invented({"arrivals.rate_per_s": rates})).axes[0]
        assert axis.get_xscale() == scale
        assert [text.get_text() for text in axis.get_xticklabels()] == list(map(str, rates))


def test_values_that_are_no_numbers_have_bars_side_by_side():
    sweep = invented({"requests.budget_s": [[0.5, 1.0], [0.5, 2.0]]})
    means, _ = sweep_figure(sweep).axes
    places = np.array([places for places, _ in lines_of(means).values()])
    assert (np.diff(places, axis=0) > 0).all()
    assert (np.abs(places - [0, 1]) < 0.5).all()
    assert [text.get_text() for text in means.get_xticklabels()] == ["[0.5, 1.0]", "[0.5, 2.0]"]


def test_heat_maps_hold_means_of_the_reference_and_differences_on_one_scale():
    figure = sweep_figure(invented(RATES_AND_MEMORY))
    reference, *others = [axis for axis in figure.axes if axis.images]
    np.testing.assert_allclose(
        reference.images[0].get_array(),
        [[np.mean([value(3 * row + column, 0, seed) for seed in range(2)]) for column in range(3)] for row in range(2)],
    )
    assert reference.get_xlabel() == "nodes.0.memory_fraction"
    assert [text.get_text() for text in reference.get_yticklabels()] == ["1", "2"]
    for rank, axis in enumerate(others, start=1):
        samples = [[value(point, rank, seed) - value(point, 0, seed) for seed in range(2)] for point in range(6)]
        np.testing.assert_allclose(axis.images[0].get_array(), np.reshape(np.mean(samples, axis=1), (2, 3)))
        assert axis.images[0].get_clim() == (-0.09375, 0.09375)  # of all but random
        bold = {text.get_position() for text in axis.texts if text.get_weight() == "bold"}
        assert bold == {(p % 3, p // 3) for p, each in enumerate(samples) if min(each) > 0 or max(each) < 0}
    assert others[1].texts[1].get_text() == "+6.2%"
    assert "bold" in figure.get_suptitle()


def test_random_decisions_are_shown_where_no_other_policy_is_compared():
    sweep = invented(policies=("edf", "random"))
    _, differences = sweep_figure(sweep).axes
    assert list(lines_of(differences)) == ["random"]
    assert differences.get_title(loc="left") == "difference to edf"


def test_undefined_cells_of_heat_maps_are_dashes():
    figure = sweep_figure(invented(RATES_AND_MEMORY, policies=("edf",), number=lambda *_: np.nan))
    assert [text.get_text() for text in figure.axes[0].texts] == ["-"] * 6
