"""Entries of info, metrics, outcomes and the reward."""

from collections.abc import Iterator
from typing import Any, Final

from edge_llm_gym.arrays import Array
from edge_llm_gym.env import step_info
from edge_llm_gym.env.description.docstrings import docstring_table
from edge_llm_gym.env.description.spaces import shape_text
from edge_llm_gym.env.description.tables import Entry
from edge_llm_gym.env.description.texts import metric_unit, plain
from edge_llm_gym.env.info import Columns, Info
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.outcomes import Outcome
from edge_llm_gym.sim.simulator import Simulator

BY_NAME: Final = "dict of float"
"""Type of the keys of info that hold numbers by name: `metrics`, `totals`, `rewards` and `tape.parameters`."""


def info_entries(scenario: Scenario) -> tuple[Entry, ...]:
    """Entries of the keys of info, with dots between the keys of nested dictionaries."""
    texts = {row["key"]: row for row in docstring_table(step_info, "key")}
    return tuple(
        Entry(
            path,
            shape=shape_text(texts[path]["shape"], shape),
            dtype=dtype,
            unit=texts[path]["unit"],
            meaning=plain(texts[path]["meaning"]),
        )
        for path, shape, dtype in _leaves(step_info.reset_info(Simulator(scenario)), "")
    )


def _leaves(info: Info, prefix: str) -> Iterator[tuple[str, tuple[int, ...], str]]:
    """Path, shape of one row and dtype of everything in info."""
    for key, value in info.items():
        path = f"{prefix}{key}"
        if isinstance(value, Columns) or key == "rewards":
            yield path, (), BY_NAME
        elif isinstance(value, dict):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value.shape[1:], _dtype(value)


def _dtype(value: Array) -> str:
    """The dtype of an array; numbers of one row are Python's."""
    number: Any = value.dtype.type(0).item()
    return str(value.dtype) if value.ndim > 1 else type(number).__name__


def metric_entries(scenario: Scenario) -> tuple[Entry, ...]:
    """Entries of the metrics of an epoch."""
    return tuple(
        Entry(name, unit=metric_unit(name), kind=metric.kind, meaning=metric.description)
        for name, metric in scenario.metric_table.items()
    )


def outcome_entries() -> tuple[Entry, ...]:
    """Entries of the outcome codes."""
    rows = docstring_table(Outcome, "code")
    return tuple(Entry(f"Outcome.{row['outcome'].upper()}", code=row["code"], meaning=row["meaning"]) for row in rows)


def reward_entries(scenario: Scenario) -> tuple[Entry, ...]:
    """Entries of the terms of the reward: the metric and its weight."""
    return tuple(
        Entry(name, weight=f"{weight:g}", meaning=scenario.metric_table[name].description)
        for name, weight in scenario.reward.items()
    )
