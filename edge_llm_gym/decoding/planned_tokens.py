"""Output tokens that a scheduler plans with, from the observed predictions."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.numeric import real_number
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.workload.lengths import LengthPredictor


class PlannedTokens:
    """The prediction itself, or a quantile of the true number of output tokens given its prediction.

    Args:
        scenario: the scenario of the observations.
        quantile: probability of the quantile, see `LengthPredictor.quantile`; None for the prediction.

    Raises ValueError for a quantile outside (0, 1).
    """

    def __init__(self, scenario: Scenario, quantile: float | None) -> None:
        lengths = scenario.lengths
        self._predictor = LengthPredictor(float(lengths.prediction.sigma), lengths.max_output_tokens)
        self._quantile = None if quantile is None else real_number("quantile", quantile, greatest=1.0)
        if self._quantile is not None:
            self._predictor.quantile(np.zeros(0), self._quantile)

    def __call__(self, predicted: Array) -> Array:
        """Output tokens to plan with, for predictions of any shape; 0 (no request) remains 0."""
        if self._quantile is None or self._predictor.sigma == 0:
            return predicted
        return self._predictor.quantile(predicted, self._quantile) * (predicted > 0)
