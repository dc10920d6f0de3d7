"""Access to the arrays of nested records by their last name."""

from typing import Any

import numpy as np

from edge_llm_gym.sim.records import leaves


def array_of(record: Any, name: str) -> np.ndarray:
    """The array of a record or its nested records with this last name; raises KeyError unless it is exactly one."""
    found = [array for path, array in leaves(record) if path.split(".")[-1] == name]
    if len(found) != 1:
        raise KeyError(f"{type(record).__name__} has {len(found)} fields named {name!r}")
    return found[0]
