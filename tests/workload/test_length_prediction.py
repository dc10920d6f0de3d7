"""The error law of length predictions and its quantiles, within confidence bounds of 99.9 %."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from edge_llm_gym.workload.lengths import LengthPredictor

Z = NormalDist().inv_cdf(0.9995)
DRAWS = 100_000
LONGEST = 10**9


def predictions(sigma: float, tokens: int = 2000, longest: int = LONGEST) -> np.ndarray:
    return LengthPredictor(sigma, longest).predict(np.random.default_rng(1), np.full(DRAWS, tokens))


def assert_share(holds: np.ndarray, probability: float) -> None:
    deviation = math.sqrt(probability * (1 - probability) / holds.size)
    assert abs(holds.mean() - probability) < Z * deviation


@pytest.mark.parametrize("sigma", [0.2, 0.4, 0.8])
def test_predictions_are_right_on_average(sigma):
    ratio = predictions(sigma) / 2000
    assert abs(ratio.mean() - 1.0) < Z * math.sqrt(math.expm1(sigma**2) / DRAWS)
    assert ratio.std() == pytest.approx(math.sqrt(math.expm1(sigma**2)), rel=0.05)


@pytest.mark.parametrize("probability", [0.05, 0.5, 0.9])
def test_quantiles_of_predictions_are_log_normal(probability):
    bound = 2000 * math.exp(0.8 * NormalDist().inv_cdf(probability) - 0.8**2 / 2)
    assert_share(predictions(0.8) <= bound, probability)


def test_predictions_are_token_counts_within_the_limits():
    found = predictions(2.0, tokens=3, longest=40)
    assert found.dtype == np.int64
    assert (found.min(), found.max()) == (1, 40)


def test_errors_are_the_same_for_all_sigma():
    scores = [(np.log(predictions(sigma, 10**6) / 10**6) + sigma**2 / 2) / sigma for sigma in (0.2, 0.8)]
    np.testing.assert_allclose(*scores, atol=1e-4)


def test_without_errors_the_prediction_is_the_length():
    tokens = np.arange(1, 500)
    predictor = LengthPredictor(0.0, 500)
    assert predictor.predict(np.random.default_rng(0), tokens).tolist() == tokens.tolist()
    assert predictor.quantile(tokens.astype(float), 0.9).tolist() == tokens.tolist()


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("tokens", [500, 20_000])
def test_a_length_is_at_most_its_quantile_with_that_probability(probability, tokens):
    """Over the errors of the predictor, for every length: no distribution of lengths is assumed."""
    predictor = LengthPredictor(0.6, LONGEST)
    predicted = predictor.predict(np.random.default_rng(2), np.full(DRAWS, tokens))
    # Half a token is the rounding of prediction and quantile; at 500 tokens it moves less than the bound.
    assert_share(tokens <= predictor.quantile(predicted.astype(float), probability), probability)


def test_quantiles_are_those_of_sampled_lengths_with_that_prediction():
    """Lengths whose logarithm is uniform, of those predicted as nearly the same number."""
    rng, predictor = np.random.default_rng(3), LengthPredictor(0.5, LONGEST)
    tokens = np.rint(np.exp(rng.uniform(math.log(1e3), math.log(1e7), 2_000_000))).astype(np.int64)
    predicted = predictor.predict(rng, tokens)
    near = tokens[(predicted > 0.99e5) & (predicted < 1.01e5)]
    assert near.size > 3000
    for probability in (0.2, 0.5, 0.9):
        assert_share(near <= predictor.quantile(np.array(1e5), probability), probability)


def test_quantiles_by_hand():
    # exp(.5^2 / 2) = 1.1331, and with z = 1.2816 for .9: exp(.125 + .6408) = 2.1507
    predictor = LengthPredictor(0.5, 300)
    assert predictor.quantile(np.array([100.0, 200.0, 1.0]), 0.5).tolist() == [113.0, 227.0, 1.0]
    assert predictor.quantile(np.array([100.0, 200.0, 1.0]), 0.9).tolist() == [215.0, 300.0, 2.0]


@pytest.mark.parametrize("sigma", [-0.1, math.inf, math.nan])
def test_sigma_is_zero_or_more(sigma):
    with pytest.raises(ValueError, match="must be zero or more, got"):
        LengthPredictor(sigma, 100)


@pytest.mark.parametrize("probability", [0.0, 1.0, -1.0, math.nan])
def test_a_quantile_lies_between_zero_and_one(probability):
    with pytest.raises(ValueError, match="must lie between 0 and 1, both excluded, got"):
        LengthPredictor(0.0, 100).quantile(np.array(5.0), probability)
