"""The info dictionaries of the single and the vector environment."""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.sim.simulator import Simulator

Info = dict[str, Any]


def step_info(simulator: Simulator, result: Any) -> Info:
    """Nested dictionary of arrays with a leading axis of rows.

    `metrics` counts what the epoch did, `totals` what the episode did so far, `rewards` names the reward's terms; what
    more there is depends on the admission and stands at `info` in `env.epoch` and `env.stream`.
    """
    names, totals = simulator.scenario.metrics, simulator.state.totals
    return {
        "metrics": {name: result.metrics[:, column] for column, name in enumerate(names)},
        "totals": {name: totals[:, column].copy() for column, name in enumerate(names)},
        "rewards": {
            term: weight * result.metrics[:, column]
            for (term, weight), column in zip(
                simulator.scenario.reward.items(), simulator.parameters.reward.column, strict=True
            )
        },
    } | interface_of(simulator.scenario).info(simulator, result)


def reset_info(simulator: Simulator) -> Info:
    """What the tape holds: `tape` counts its requests and those whose lengths were cut to the scenario's limits."""
    tape = simulator.tape
    return {
        "tape": {
            "requests": tape.requests.length.copy(),
            "clipped_prompts": tape.requests.clipped[:, 0].copy(),
            "clipped_outputs": tape.requests.clipped[:, 1].copy(),
        }
    }


def row_of(info: Info, row: int) -> Info:
    """One row of a nested dictionary of arrays; scalars become plain numbers."""
    return {key: row_of(value, row) if isinstance(value, dict) else _plain(value[row]) for key, value in info.items()}


def with_masks(info: Info, mask: Array) -> Info:
    """Adds Gymnasium's `_key` masks, which say in which rows a key is present."""
    masked: Info = {}
    for key, value in info.items():
        masked[key] = with_masks(value, mask) if isinstance(value, dict) else value
        masked[f"_{key}"] = mask
    return masked


def _plain(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else value.item()
