"""Predictions of output lengths with a log-normal error, and quantiles of a length given its prediction."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LengthPredictor:
    """A predictor with the error law n_hat = clip(round(n exp(sigma eps - sigma^2 / 2)), 1, max), eps standard normal.

    Before clipping, the mean of n_hat over eps is n. With sigma = 0 the prediction is the length itself.
    """

    sigma: float
    max_output_tokens: int

    def __post_init__(self) -> None:
        if not (self.sigma >= 0 and math.isfinite(self.sigma)):
            raise ValueError(f"sigma of a length prediction must be zero or more, got {self.sigma!r}")

    def predict(self, rng: np.random.Generator, output_tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Predictions int64 [n] of output tokens [n]; the draws eps do not depend on sigma."""
        return self.at_scores(rng.standard_normal(output_tokens.size), output_tokens)

    def at_scores(self, score: NDArray[np.float64], output_tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Predictions int64 [n] of output tokens [n] for given draws eps [n]."""
        return self._tokens(output_tokens.astype(np.float64) * np.exp(self.sigma * score - self.sigma**2 / 2.0))

    def quantile(self, predicted: NDArray[np.float64], probability: float) -> NDArray[np.float64]:
        """The quantile of a length given its prediction [...], by the inverted error law.

        It is clip(round(n_hat exp(sigma^2 / 2 + sigma z)), 1, max), z being the standard normal quantile. Whatever the
        distribution of lengths is, up to rounding and clipping, a length is at most its quantile with this probability
        over the error of the predictor. It is also the quantile of a posterior with a uniform prior of log n. Raises
        ValueError for a probability outside (0, 1).
        """
        if not 0 < probability < 1:
            raise ValueError(f"a quantile must lie between 0 and 1, both excluded, got {probability!r}")
        if self.sigma == 0:
            return predicted
        factor = math.exp(self.sigma**2 / 2.0 + self.sigma * NormalDist().inv_cdf(probability))
        return self._tokens(predicted * factor).astype(np.float64)

    def _tokens(self, length: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.clip(np.rint(length), 1.0, self.max_output_tokens).astype(np.int64)
