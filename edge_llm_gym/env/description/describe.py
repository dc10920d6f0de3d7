"""Describes an environment: its actual spaces, with the texts of its scenario's dynamics."""

from collections.abc import Iterator
from typing import Any

from gymnasium import spaces
from gymnasium.vector import VectorEnv

from edge_llm_gym.env.description.docstrings import text_below_table
from edge_llm_gym.env.description.reports import (
    info_entries,
    metric_entries,
    outcome_entries,
    reward_entries,
)
from edge_llm_gym.env.description.spaces import axes_note, feature_entries, space_entries
from edge_llm_gym.env.description.tables import Description, EntryTable
from edge_llm_gym.env.description.texts import plain
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario, scenario_of

UNCHANGED = "before wrappers"


def describe(env: Any) -> Description:
    """Tables of what an environment takes, observes, rewards and reports, for its actual scenario.

    The result is shown as text that fits the terminal, by `print(describe(env))` or as the last line of a cell.
    `describe(env)["observation.nodes"].names` are the names of columns; `part("action")` has the tables of one part.

    Args:
        env: a single or vector environment, wrapped or not; a Scenario; or a registered id, for its default scenario.
            Where wrappers change a space, the space is described as it is, and as it was before them.

    Raises TypeError for anything else, ValueError for an unknown id, and RuntimeError where Python runs without
    docstrings (-OO).
    """
    scenario = _scenario(env)
    return Description(_title(scenario), (*_space_tables(env, scenario), *_report_tables(scenario)))


def _scenario(env: Any) -> Scenario:
    if isinstance(env, str):
        return load_scenario(ENVIRONMENTS[known_name("environment", env, ENVIRONMENTS)])
    if isinstance(env, VectorEnv) and not hasattr(env.unwrapped, "scenario"):
        return scenario_of(env.get_attr("scenario")[0])  # type: ignore[attr-defined] # of Gymnasium's own vectors
    return scenario_of(env)


def _title(scenario: Scenario) -> str:
    batching = ", continuous batching" if scenario.batching == "continuous" else ""
    return f"scenario {scenario.name}: {scenario.dynamics} dynamics{batching}, {len(scenario.nodes)} nodes"


def _spaces(env: Any, native: tuple[spaces.Dict, spaces.Dict]) -> tuple[Any, Any]:
    """Action and observation space of one row."""
    if isinstance(env, VectorEnv):
        return env.single_action_space, env.single_observation_space
    return native if isinstance(env, (str, Scenario)) else (env.action_space, env.observation_space)


def _space_tables(env: Any, scenario: Scenario) -> Iterator[EntryTable]:
    interface = interface_of(scenario)
    native = interface.action_space(scenario), interface.observation_space(scenario)
    rows = f"of one row; arrays have a leading axis of {env.num_envs} rows" if isinstance(env, VectorEnv) else ""
    makers = (interface.action_space, interface.observation_space)
    notes = (plain(" ".join(text_below_table(interface.action_space).split())), "")
    for name, space, own, make, note in zip(
        ("action", "observation"), _spaces(env, native), native, makers, notes, strict=True
    ):
        changed = not isinstance(space, spaces.Dict)
        if changed:
            yield EntryTable(name, name, space_entries(space, own, make, name), (rows,))
        entries = space_entries(own if changed else space, own, make, name)
        title, path = (f"{name} {UNCHANGED}", f"{name}.unwrapped") if changed else (name, name)
        yield EntryTable(path, title, entries, (axes_note(entries, scenario), rows, note))
    for key, features in feature_entries(scenario, native[1]):
        yield EntryTable(f"observation.{key}", f'columns of observation["{key}"]', features)


def _report_tables(scenario: Scenario) -> Iterator[EntryTable]:
    info = info_entries(scenario)
    yield EntryTable("reward", "reward: the sum of these metrics, each times its weight", reward_entries(scenario))
    yield EntryTable("info", "info of reset and step", info, (axes_note(info, scenario),))
    yield EntryTable("info.metrics", 'info["metrics"], and since the reset info["totals"]', metric_entries(scenario))
    if any(entry.name == "slots.outcome" for entry in info):
        title = 'codes of info["slots"]["outcome"], members of edge_llm_gym.Outcome'
        yield EntryTable("info.outcomes", title, outcome_entries())
