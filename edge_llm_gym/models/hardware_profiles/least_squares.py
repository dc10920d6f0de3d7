"""Least squares with relative weights and coefficients of at least zero."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def fit_nonnegative(terms: FloatArray, measured: FloatArray) -> FloatArray:
    """[K] coefficients x >= 0 that minimise the sum over timings of ((terms @ x - measured) / measured)^2.

    Args:
        terms: [T, K] terms of each timing.
        measured: [T] positive timings.

    Tries all sets of positive coefficients, which is exact, and fast for the two or three terms of the cost law.
    """
    scaled, best, best_error = terms / measured[:, None], np.zeros(terms.shape[1]), np.inf
    for size in range(1, terms.shape[1] + 1):
        for chosen in combinations(range(terms.shape[1]), size):
            candidate = np.zeros(terms.shape[1])
            candidate[list(chosen)] = _least_squares(scaled[:, chosen])
            error = float(np.sum((scaled @ candidate - 1.0) ** 2))
            if candidate.min() >= 0 and error < best_error:
                best, best_error = candidate, error
    return best


def _least_squares(scaled: FloatArray) -> FloatArray:
    size = np.linalg.norm(scaled, axis=0)  # columns of FLOPs and of ones differ by twelve orders of magnitude
    return np.linalg.lstsq(scaled / size, np.ones(len(scaled)), rcond=None)[0] / size
