"""A short campaign of malformed actions, and the faults that the campaign must notice."""

import numpy as np
import pytest

from benchmarks.fuzz import actions
from benchmarks.fuzz.actions import Target, attempt, targets
from benchmarks.fuzz.malformed import MAPPINGS, OUT_OF_RANGE, VALUES, malformed_mapping, malformed_value
from benchmarks.fuzz.tally import Options
from edge_llm_gym.actions import ActionError

GOOD = {"batch": np.zeros(3, np.int64), "bandwidth": np.full((3, 2), 0.5, np.float32)}
ENVIRONMENTS = {"EdgeLLM/SingleNode-v0": "single-node", "EdgeLLM/EarlyExit-v0": "early-exit"}


@pytest.fixture(scope="module")
def chosen():
    return targets(ENVIRONMENTS)


def test_malformed_actions_raise_action_errors_and_change_nothing(chosen, monkeypatch, tmp_path):
    monkeypatch.setattr(actions, "targets", lambda: chosen)
    tally = actions.run(Options(600, 1, 1, tmp_path))
    assert tally.faults == []
    assert tally.outcomes == {"ActionError": 600}


@pytest.mark.parametrize("index", [0, 1])
def test_every_kind_of_malformed_value_is_refused(chosen, index):
    """By the single and by the vector environment, one kind after the other."""
    target = chosen[index]
    good = {key: np.array(value) for key, value in target.good.items()}
    for value in {**VALUES, **OUT_OF_RANGE}.values():
        for key in good:
            with pytest.raises(ActionError):
                target.act({**good, key: value(np.random.default_rng(0), good[key])})
    for mapping in MAPPINGS.values():
        with pytest.raises(ActionError):
            target.act(mapping(np.random.default_rng(1), good))


def test_a_case_repeats():
    for case in range(50):
        kinds = {malformed_mapping(np.random.default_rng((3, case)), GOOD)[0] for _ in range(2)}
        assert len(kinds) == 1


def raising(error: Exception):
    def act(_: object) -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        (raising(ActionError("no")), "ActionError"),
        (raising(ActionError("x" * 2000)), "message of 2000 characters"),
        (raising(TypeError("no")), "TypeError instead of ActionError"),
        (lambda _: None, "accepted"),
    ],
)
def test_other_outcomes_are_faults(act, outcome):
    target = Target("x", act, lambda rng: malformed_value(rng, np.zeros(2)), dict)
    assert attempt(target, {}, np.random.default_rng(0))[1] == outcome


def test_a_changed_state_is_a_fault():
    state = {"clock": np.zeros(2)}

    def act(_: object) -> None:
        state["clock"][0] = 1.0
        raise ActionError("too late")

    target = Target("x", act, lambda rng: malformed_value(rng, np.zeros(2)), lambda: state)
    assert attempt(target, {"clock": np.zeros(2)}, np.random.default_rng(0))[1] == "state changed: ['clock']"
