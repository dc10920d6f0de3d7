"""Functions that tests give to environments by their path."""

import numpy as np
from gymnasium import spaces

from edge_llm_gym.env.own_functions import Feature


def half_of_arrivals(metrics, scenario):
    """[R] reward."""
    return -0.5 * metrics["arrived"] / scenario.epoch_s


def _load(observation, totals, scenario):
    waiting = observation["request_mask"].sum(axis=1)
    return np.stack([waiting / scenario.slots, np.minimum(totals["arrived"] / 1e3, 1.0)], axis=1)


LOAD = Feature("load", spaces.Box(0.0, 1.0, (2,), np.float32), _load)
NUMBER = 3
