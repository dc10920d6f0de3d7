"""Descriptions: every key and column of real observations, actions and infos is described, as it is."""

import re
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv

import edge_llm_gym
from edge_llm_gym import Outcome, describe, feature_names, load_scenario
from edge_llm_gym.codecs.wrappers import CodecWrapper, FlatObservation
from edge_llm_gym.env.description import docstrings
from edge_llm_gym.env.features import QUANTILES
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sim.outcomes import OUTCOME_NAMES, SERVED
from tests.env.own_functions import LOAD

SMALL = {"slots": 6, "horizon_epochs": 5}
PREDICTED = {"lengths.prediction": {"sigma": 0.5}}
CASES = [(name, {"horizon_epochs": 5}) for name in ENVIRONMENTS] + [("EdgeLLM/MultiNode-v0", SMALL | PREDICTED)]
BY_NAME = {"metrics", "totals", "rewards", "tape.parameters"}


def sizes(shape_text):
    """The sizes in "[N=32, K=4, 2]"."""
    return tuple(int(size.split("=")[-1]) for size in shape_text.strip("[]").split(", ") if size)


def numbers(range_text):
    low, *high = map(float, range_text.split(" to "))
    return low, (high or [low])[0]


@pytest.mark.parametrize(("environment", "overrides"), CASES)
def test_spaces_are_described_as_they_are(environment, overrides):
    env = gymnasium.make(environment, overrides=overrides)
    described = describe(env)
    for name, space in (("action", env.action_space), ("observation", env.observation_space)):
        entries = described[name].entries
        assert {entry.name for entry in entries} == set(space)
        for entry in entries:
            part, (low, high) = space[entry.name], numbers(entry.range)
            assert sizes(entry.shape) == part.shape
            assert entry.dtype == str(part.dtype)
            assert len(entry.meaning) > 10
            assert "`" not in entry.meaning
            lowest = part.low.min() if isinstance(part, spaces.Box) else 0
            assert (
                (low, high) == (lowest, part.high.max() if isinstance(part, spaces.Box) else part.nvec.max() - 1)
                if (not isinstance(part, spaces.MultiBinary))
                else (0, 1)
            )


@pytest.mark.parametrize(("environment", "overrides"), CASES)
def test_columns_have_names_units_ranges_and_meanings(environment, overrides):
    env = gymnasium.make(environment, overrides=overrides)
    described, names = describe(env), feature_names(env)
    assert {"requests", "nodes", "links"} & set(env.observation_space) == set(names)
    for key, columns in names.items():
        box, entries = env.observation_space[key], described[f"observation.{key}"].entries
        assert tuple(entry.name for entry in entries) == columns
        assert [int(entry.column) for entry in entries] == list(range(box.shape[-1]))
        assert all(entry.unit and entry.divided_by and entry.meaning for entry in entries)
        assert [numbers(entry.range)[1] for entry in entries] == box.high.reshape(-1, box.shape[-1]).max(
            axis=0
        ).tolist()
    if "exit_confidence" in env.observation_space:
        assert described["observation.exit_confidence"].names == tuple(f"{level:g}" for level in QUANTILES)


def leaves(info, prefix=""):
    for key, value in info.items():
        path = prefix + key
        if isinstance(value, dict) and path not in BY_NAME:
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


@pytest.mark.parametrize(("environment", "overrides"), CASES)
def test_info_is_described_as_it_is(environment, overrides):
    env = gymnasium.make(environment, overrides=overrides)
    described = describe(env)
    _, at_reset = env.reset(seed=0)
    _, _, _, _, at_step = env.step(env.action_space.sample())
    for info in (at_reset, at_step):
        found = dict(leaves(info))
        entries = {entry.name: entry for entry in described["info"].entries}
        assert set(found) == set(entries)
        for path, value in found.items():
            entry = entries[path]
            assert sizes(entry.shape) == np.shape(value if path not in BY_NAME else 0)
            dtype = "dict of float" if path in BY_NAME else getattr(value, "dtype", type(value).__name__)
            assert entry.dtype == str(dtype)
    assert described["info.metrics"].names == tuple(at_step["metrics"]) == tuple(at_step["totals"])
    assert described["reward"].names == tuple(at_step["rewards"])
    has_slots = "slots" in at_step
    assert ("info.outcomes" in [table.name for table in described.tables]) == has_slots


def test_outcomes_are_an_enumeration_with_the_documented_codes():
    entries = describe("EdgeLLM/MultiNode-v0")["info.outcomes"].entries
    assert [(int(entry.code), entry.name) for entry in entries] == [
        (code, f"Outcome.{name.upper()}") for code, name in enumerate(OUTCOME_NAMES)
    ]
    assert [outcome.name.lower() for outcome in Outcome] == list(OUTCOME_NAMES)
    assert Outcome(SERVED) is Outcome.SERVED
    env = gymnasium.make("EdgeLLM/SingleNode-v0", overrides=SMALL)
    env.reset(seed=0)
    waiting = {key: 0 * space.sample() for key, space in env.action_space.items()}
    _, _, _, _, info = env.step(waiting)
    assert {Outcome(code) for code in info["slots"]["outcome"]} <= {Outcome.WAITING, Outcome.EMPTY}
    assert Outcome.WAITING in info["slots"]["outcome"]


def test_numbers_are_those_of_the_actual_scenario():
    overrides = {
        "slots": 6,
        "lengths.max_prompt_tokens": 1234,
        "requests.value": [1.0, 7.0],
        "reward": {"energy_j": -0.5},
    }
    described = describe(gymnasium.make("EdgeLLM/MultiNode-v0", overrides=overrides))
    assert "N = 6 slots, K = 4 nodes" in described["observation"].notes
    divisors = {entry.name: entry.divided_by for entry in described["observation.requests"].entries}
    assert divisors["prompt_tokens"] == "lengths.max_prompt_tokens (1234)"
    assert divisors["value"] == "requests.value.1 (7)"
    assert [(entry.name, entry.weight) for entry in described["reward"].entries] == [("energy_j", "-0.5")]


def test_vector_environments_are_described_by_row():
    native = gymnasium.make_vec(
        "EdgeLLM/Joint-v0", num_envs=3, vectorization_mode="vector_entry_point", overrides=SMALL
    )
    copies = SyncVectorEnv([lambda: gymnasium.make("EdgeLLM/Joint-v0", overrides=SMALL)] * 3)
    single = describe(gymnasium.make("EdgeLLM/Joint-v0", overrides=SMALL))
    for envs in (native, copies):
        described = describe(envs)
        assert described["observation"].entries == single["observation"].entries
        assert described["info"] == single["info"]
        assert any("leading axis of 3 rows" in note for note in described["action"].notes)


def test_spaces_that_wrappers_change_are_described_as_they_are_and_as_they_were():
    plain = gymnasium.make("EdgeLLM/MultiNode-v0", overrides=SMALL)
    flat = FlatObservation(CodecWrapper(plain, "priority"))
    described = describe(flat)
    (entry,) = described["observation"].entries
    assert sizes(entry.shape) == flat.observation_space.shape
    assert "wrapper" in entry.meaning
    assert described["observation.unwrapped"].entries == describe(plain)["observation"].entries
    assert {entry.name for entry in described["action.unwrapped"].entries} == {"batch", "bandwidth"}


def test_python_without_docstrings_is_refused(monkeypatch):
    monkeypatch.setattr(docstrings, "sys", SimpleNamespace(flags=SimpleNamespace(optimize=2)))
    with pytest.raises(RuntimeError, match="run Python without -OO"):
        docstrings.docstring_table(SimpleNamespace(__doc__=None), "key")


def test_features_of_a_users_own_are_listed():
    described = describe(gymnasium.make("EdgeLLM/MultiNode-v0", overrides=SMALL, features=[LOAD]))
    own = described["observation"].entries[-1]
    assert (own.name, own.shape, own.range) == ("load", "[2]", "0 to 1")
    assert "your own" in own.meaning


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("environment", ["EdgeLLM/Joint-v0", "EdgeLLM/EarlyExit-v0"])
def test_text_fits_the_terminal_and_cuts_no_name(environment, width):
    described = describe(environment)
    text = described.text(width)
    assert max(map(len, text.splitlines())) <= width
    words = set(re.findall(r"[\w.]+", text))
    for table in described.tables:
        assert set(table.names) <= words
    for table in described.tables:
        for entry in table.entries:
            assert set(re.findall(r"\w+", entry.meaning)) <= set(re.findall(r"\w+", text))


def test_parts_ids_scenarios_and_unknown_names():
    described = describe(load_scenario("multi-node"))
    assert [table.name for table in described.part("observation").tables] == [
        "observation",
        "observation.requests",
        "observation.nodes",
    ]
    assert described.tables == describe("EdgeLLM/MultiNode-v0").tables
    assert str(described.part("action")).startswith("scenario multi-node")
    assert "| batch |" in described.part("action").to_markdown().replace(r"\_", "_")
    assert "<table" in described._repr_html_()
    with pytest.raises(ValueError, match="unknown table 'actions'; did you mean 'action'"):
        described.part("actions")
    with pytest.raises(ValueError, match="unknown environment"):
        edge_llm_gym.describe("EdgeLLM/MultNode-v0")
    with pytest.raises(TypeError, match="expected an Edge LLM Gym environment"):
        describe(gymnasium.make("CartPole-v1"))
