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
    """Arrivals in each full window of `window_s` from 0 to `span_s`; an incomplete last window is left out.

    Memory grows with `span_s`: for a trace, whose span is not bounded, take `occupied_windows`.
    """
    windows = int(span_s / window_s)
    edges = np.arange(windows + 1) * window_s
    return np.diff(np.searchsorted(arrival_s, edges)).astype(np.int64)


def occupied_windows(arrival_s: NDArray[np.float64], window_s: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The windows [k w, (k + 1) w) with at least one arrival: their numbers k, float64 [m], and counts, int64 [m].

    The n >= 1 arrivals are sorted. Memory grows with the number of arrivals, not with the time that they span.
    """
    number = np.floor(arrival_s / window_s)
    # The quotient may be rounded to the wrong side of a bound of the window.
    number -= arrival_s < number * window_s
    number += arrival_s >= (number + 1) * window_s
    starts = np.flatnonzero(np.diff(number, prepend=-1.0))
    return number[starts], np.diff(starts, append=number.size)


def busiest_window(arrival_s: NDArray[np.float64], window_s: float) -> int:
    """Most arrivals in one of the windows from 0 on, to the one with the last arrival."""
    return int(occupied_windows(arrival_s, window_s)[1].max())


def dispersion(arrival_s: NDArray[np.float64], window_s: float, span_s: float) -> float:
    """Index of dispersion: variance over mean of the counts per window; 1 for Poisson, NaN for less than 2 windows.

    The windows are those of `window_s` from 0 to `span_s`; an incomplete last window is left out.
    """
    windows = int(span_s / window_s)
    number, counts = occupied_windows(arrival_s, window_s)
    counts = counts[number < windows]
    if windows < 2 or not counts.size:
        return math.nan
    mean = counts.sum() / windows
    variance = (np.square(counts - mean).sum() + (windows - counts.size) * mean**2) / windows
    return float(variance / mean)


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
