"""The base classes of the predict protocol: rows, memory, and one default of `deterministic`."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import edge_llm_gym
from edge_llm_gym.experts.policy import RowPolicy
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES

SCENARIO = load_scenario("single-node", {"slots": 2})


class Counter(RowPolicy):
    """Returns the number of the epoch since its memory was renewed, and the row's backlog."""

    def initial_memory(self):
        return 0

    def act(self, observation, memory):
        return {"count": np.array([memory]), "backlog": observation["backlog"]}, memory + 1


def observations(rows: int) -> dict[str, np.ndarray]:
    return {
        "spectral_efficiency": np.zeros((rows, 2, 1, 2)),
        "nodes": np.zeros((rows, 1, len(NODE_FEATURES))),
        "backlog": np.arange(rows, dtype=float)[:, None],
    }


def test_every_row_has_its_own_memory():
    policy = Counter("counter", SCENARIO)
    action, state = policy.predict(observations(3))
    assert action["count"].tolist() == [[0], [0], [0]]
    assert action["backlog"].tolist() == [[0], [1], [2]]
    action, state = policy.predict(observations(3), state)
    assert action["count"].tolist() == [[1], [1], [1]]
    action, state = policy.predict(observations(3), state, np.array([False, True, False]))
    assert action["count"].tolist() == [[2], [0], [2]]
    assert state == [3, 1, 3]


def test_a_single_observation_gives_a_single_action():
    single = {key: value[1] for key, value in observations(2).items()}
    action, state = Counter("counter", SCENARIO).predict(single)
    assert (action["count"].tolist(), action["backlog"].tolist(), state) == ([0], [1], [1])


def test_another_number_of_rows_and_other_shapes_are_refused():
    policy = Counter("counter", SCENARIO)
    with pytest.raises(ValueError, match="memory of 2 rows, got 3"):
        policy.predict(observations(2), [0, 0, 0])
    wrong = observations(2) | {"spectral_efficiency": np.zeros((2, 3, 1, 2))}
    with pytest.raises(ValueError, match=r"with spectral_efficiency of shape \(2, 1, 2\), got \(3, 1, 2\)"):
        policy.predict(wrong)


def test_deterministic_has_one_default():
    modules = [
        importlib.import_module(found.name)
        for package in ("experts", "codecs")
        for found in pkgutil.walk_packages([f"{edge_llm_gym.__path__[0]}/{package}"], f"edge_llm_gym.{package}.")
    ]
    methods = {
        cls: cls.predict
        for module in modules
        for cls in vars(module).values()
        if inspect.isclass(cls) and hasattr(cls, "predict")
    }
    assert {"Policy", "BatchExpert", "RoutingExpert", "CompositeExpert", "RandomPolicy", "EncodedPolicy"} <= {
        cls.__name__ for cls in methods
    }
    assert {inspect.signature(method).parameters["deterministic"].default for method in methods.values()} == {False}
