"""Defaults of the radio channel: shadowing by path-loss law, and fading that is correlated from epoch to epoch."""

import numpy as np
import pytest

from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.scenario.loading import scenario_names

LAWS = {"uma-los": 4.0, "uma-nlos": 6.0, "umi-los": 4.0, "umi-nlos": 7.82, "macro-128.1": 8.0}


def bessel_series(x: float) -> float:
    """J0 by its power series, sum of (-x^2 / 4)^k / k!^2 (DLMF 10.2.2)."""
    term = total = 1.0
    for k in range(1, 60):
        term *= -(x * x) / 4 / k**2
        total += term
    return total


@pytest.mark.parametrize("law", LAWS)
def test_the_shadowing_deviation_is_that_of_the_law(law):
    assert load_scenario("single-node", {"channel.path_loss": law}).channel.shadowing_deviation_db == LAWS[law]
    settings = {"channel.path_loss": law, "channel.shadowing_db": 0.0}
    assert load_scenario("single-node", settings).channel.shadowing_deviation_db == 0.0


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenarios_have_channels_that_are_correlated_over_epochs_and_sites(name):
    scenario = load_scenario(name)
    assert scenario.fading_correlation == pytest.approx(bessel_series(0.2 * np.pi), abs=1e-12)
    assert scenario.fading_correlation == pytest.approx(0.9037, abs=5e-5)
    assert scenario.channel.shadowing_correlation == 0.5
    assert scenario.channel.shadowing_deviation_db == LAWS[scenario.channel.path_loss]


@pytest.mark.parametrize("epoch_s", [0.9, 1.0, 7.5])
def test_the_default_correlation_does_not_depend_on_the_length_of_an_epoch(epoch_s):
    scenario = load_scenario("single-node", {"epoch_s": epoch_s})
    assert scenario.fading_correlation == pytest.approx(bessel_series(0.2 * np.pi), abs=1e-12)


def test_a_given_doppler_shift_counts_in_hertz_and_a_given_correlation_counts_most():
    given = load_scenario("single-node", {"channel.doppler_hz": 0.05})
    assert given.fading_correlation == pytest.approx(bessel_series(2 * np.pi * 0.05 * 4.0), abs=1e-12)
    assert load_scenario("single-node", {"channel.doppler_hz": 0.0}).fading_correlation == 1.0
    assert load_scenario(given, {"channel.correlation": 0.0}).fading_correlation == 0.0


def test_a_shadowing_correlation_is_a_share():
    with pytest.raises(ScenarioError, match="shadowing_correlation"):
        load_scenario("single-node", {"channel.shadowing_correlation": -0.1})
