"""Infos of numbers only, without nesting: for clients that store them in columns.

| key | content |
|---|---|
| name of a metric, such as `served` | the metrics of the epoch |
| `total_<metric>` | the metrics since the reset |
| `reward_<term>` | the terms of the reward |
| `tape_requests`, `tape_clipped_prompts`, `tape_clipped_outputs` | of the episode |
| `tape_<parameter>` | parameters of the episode, as in `info["tape"]["parameters"]` |
| `epoch_begins` | in a sequence: whether the observation is the first one of an epoch |

The meaning of the numbers is that of `edge_llm_gym.env.step_info`. Arrays of slots and nodes are left out; the
structured environment in the attribute `structured` has them.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array

Info = dict[str, Any]
PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"metrics": "", "totals": "total_", "rewards": "reward_", "tape": "tape_", "parameters": ""}
)
"""Nested key -> what it adds to the names of its numbers; other keys are added as they are."""
FINAL: Final = ("final_obs", "final_info")
"""Keys of Gymnasium's vector environments that hold the last observations and infos of ended episodes."""


def flat_info(info: Info) -> Info:
    """The numbers in the info of a single environment."""
    return {name: value for name, value, _ in _numbers(info) if not isinstance(value, np.ndarray)}


def flat_row_infos(info: Info, read: Callable[[Array], Array]) -> Info:
    """The numbers in the info of a vector environment, with Gymnasium's masks.

    `read` makes what a model observes out of `final_obs`, an object array with the observations of rows that ended.
    """
    found: Info = {}
    for name, value, mask in _numbers({key: value for key, value in info.items() if key not in FINAL}):
        if np.ndim(value) == 1:
            found[name], found[f"_{name}"] = value, mask
    for key, convert in (("final_obs", read), ("final_info", lambda final: flat_row_infos(final, read))):
        if key in info:
            found[key], found[f"_{key}"] = convert(info[key]), info[f"_{key}"]
    return found


def _numbers(info: Info, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Name, value and mask (None in a single environment) of everything that is not nested."""
    for key, value in info.items():
        if key.startswith("_"):
            continue
        if isinstance(value, dict):
            yield from _numbers(value, prefix + PREFIXES.get(key, f"{key}_"))
        else:
            yield prefix + key, value, info.get(f"_{key}")
