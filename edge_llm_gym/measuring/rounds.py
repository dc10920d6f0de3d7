"""Median times of several pieces of work, measured in rounds."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.measuring.graphs import Step


def median_seconds(
    works: Sequence[Step], repeats: int, seconds: Callable[[Step], float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Median seconds of each work over ``repeats`` rounds, float64 [works], after one run of each that is not counted.

    Every round times each work once in a random order, so that a temporary disturbance of the machine falls on one
    timing of many works, which the medians leave out, and not on all timings of one.
    """
    for work in works:
        seconds(work)
    samples = np.empty((repeats, len(works)))
    for row in samples:
        for index in rng.permutation(len(works)):
            row[index] = seconds(works[index])
    return np.median(samples, axis=0)
