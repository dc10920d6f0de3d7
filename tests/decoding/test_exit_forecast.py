"""Exit forecasts against sampled rows of the profile, and candidate thresholds against the profile's table."""

import numpy as np
import pytest

from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.difficulty_mix import NO_SHIFT
from tests.decoding.two_stages import ENTRIES, HOSTED_BLOCKS, NODES, OFFLOAD, SCENARIO, THRESHOLDS, sampled_rows
from tests.sim.pooled.routing_by_hand import quality_at

PROFILE = SCENARIO.exits.profile
RESOLUTION = 0.01
"""Error of 2,048 rows that represent a mix of 16,384."""


@pytest.fixture(scope="module")
def reader() -> CompositeReader:
    return CompositeReader(SCENARIO)


@pytest.mark.parametrize("difficulty_shift", [0, NO_SHIFT, 17])
@pytest.mark.parametrize("threshold", THRESHOLDS, ids=str)
def test_the_forecast_is_the_mean_over_rows_drawn_at_random(reader, difficulty_shift, threshold):
    """Exit and reach probabilities by Monte Carlo, within 4.5 standard errors."""
    threshold, size = np.float32(threshold).astype(float), 20_000
    forecast = reader.forecast(difficulty_shift, OFFLOAD, threshold)
    confidence = reader.constants.profile.confidence[sampled_rows(reader, difficulty_shift, size)].astype(float)
    to_first = np.random.default_rng(1).random(size) < OFFLOAD[:4, 4][:, None]
    for entry in range(ENTRIES):
        leave, reach = np.zeros(len(HOSTED_BLOCKS)), np.zeros(NODES)
        for row, sure in enumerate(confidence):
            here = [block for block in (0, 1) if sure[block] >= threshold[entry]]
            if here:
                leave[HOSTED_BLOCKS.index((entry, here[0]))] += 1
                continue
            deep = 4 if to_first[entry, row] else 5
            reach[deep] += 1
            leave[HOSTED_BLOCKS.index((deep, 2 if sure[2] >= threshold[deep] else 3))] += 1
        error = 4.5 * np.sqrt(0.25 / size) + RESOLUTION
        np.testing.assert_allclose(forecast.exit_probability[entry], leave / size, atol=error)
        np.testing.assert_allclose(forecast.reach_probability[entry], reach / size, atol=error)
        assert forecast.forward_probability[entry] == pytest.approx(forecast.reach_probability[entry].sum())
        assert forecast.exit_probability[entry].sum() == pytest.approx(1.0)


def test_quality_is_that_of_the_exit_and_of_the_lowest_quality_factor_on_the_route(reader):
    threshold = np.float32([0.2, 0.3, 0.6, 0.9, 0.4, 0.7]).astype(float)
    forecast = reader.forecast(NO_SHIFT, OFFLOAD, threshold)
    coarse = 6.14 / 6.5
    factor = [1.0, coarse, coarse, 1.0, 1.0, coarse]
    for entry in range(ENTRIES):
        for index, (node, block) in enumerate(HOSTED_BLOCKS):
            if node == entry or node >= ENTRIES:
                offered = quality_at(PROFILE, block, threshold[node], min(factor[entry], factor[node]))
                assert forecast.quality[entry, index] == pytest.approx(offered)


def test_threshold_levels_are_the_lowest_that_offer_the_demand_at_the_first_exit(reader):
    levels = reader.threshold_levels()
    assert (np.diff(levels, axis=0) >= 0).all()
    low, high = SCENARIO.requests.accuracy
    coarse = 6.14 / 6.5
    for node, factor in enumerate([1.0, coarse, coarse, 1.0, 1.0, coarse]):
        block = 0 if node < ENTRIES else 2
        for demand in (low, high):
            level = levels[0 if demand == low else -1, node]
            required = min(demand + 1e-6, factor)
            assert quality_at(PROFILE, block, level, factor) >= required
            assert level == 0 or quality_at(PROFILE, block, level - 0.005, factor) < required
