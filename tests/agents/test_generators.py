"""The states of the random generators survive JSON."""

import json
import random

import numpy as np
import torch as th

from agents.generators import generator_states, restore_generators


def draws() -> list[float]:
    return [random.random(), float(np.random.normal()), float(th.rand(1))]  # noqa: NPY002


def test_restored_generators_repeat_their_draws():
    before = generator_states()
    try:
        np.random.normal()  # noqa: NPY002 - leaves the second number of a pair for the next draw
        text = json.dumps(generator_states())
        first, second = draws(), draws()
        restore_generators(json.loads(text))
        assert draws() == first != second
    finally:
        restore_generators(before)
