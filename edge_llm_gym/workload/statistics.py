"""Statistics of arrivals and token counts, as functions of arrays."""

import math

import numpy as np
from numpy.typing import NDArray


def interarrival_cv(arrival_s: NDArray[np.float64]) -> float:
    """Standard deviation over mean of the gaps between sorted arrivals; 1 for Poisson, NaN for less than 3 of them."""
    if arrival_s.size < 3:
        return math.nan
    gaps = np.diff(arrival_s)
    mean = gaps.mean()
    return float(gaps.std() / mean) if mean > 0 else math.nan


def window_counts(arrival_s: NDArray[np.float64], window_s: float, span_s: float) -> NDArray[np.int64]:
    """Arrivals in each full window of `window_s` from 0 to `span_s`; an incomplete last window is left out."""
    windows = int(span_s / window_s)
    edges = np.arange(windows + 1) * window_s
    return np.diff(np.searchsorted(arrival_s, edges)).astype(np.int64)


def dispersion(arrival_s: NDArray[np.float64], window_s: float, span_s: float) -> float:
    """Index of dispersion: variance over mean of the counts per window; 1 for Poisson, NaN for less than 2 windows."""
    counts = window_counts(arrival_s, window_s, span_s)
    if counts.size < 2 or not counts.any():
        return math.nan
    return float(counts.var() / counts.mean())


def rank_correlation(x: NDArray, y: NDArray) -> float:
    """Spearman's correlation of two arrays of one length, ties have their mean rank; NaN if one is constant."""
    rank_x, rank_y = _mean_ranks(x), _mean_ranks(y)
    if rank_x.size < 2 or not rank_x.std() or not rank_y.std():
        return math.nan
    return float(np.corrcoef(rank_x, rank_y)[0, 1])


def _mean_ranks(values: NDArray) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    return np.asarray(last_rank - (counts - 1) / 2)[inverse]
