"""The states of the process's random generators (PyTorch, NumPy, Python), as values that JSON holds."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch as th

Generators = Mapping[str, Any]


def generator_states() -> dict[str, Any]:
    """The states now."""
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - the library draws from it
    return {
        "torch": th.get_rng_state().numpy().tobytes().hex(),
        "numpy": [kind, np.asarray(keys).tolist(), position, has_gauss, cached],
        "python": list(random.getstate()[1]),
    }


def restore_generators(states: Generators) -> None:
    """Sets the states that `generator_states` returned."""
    th.set_rng_state(th.frombuffer(bytearray.fromhex(states["torch"]), dtype=th.uint8))
    kind, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), position, has_gauss, cached))  # noqa: NPY002
    random.setstate((3, tuple(states["python"]), None))
