"""The contract of environments of streaming dynamics: continuous actions and their checks."""

import numpy as np
import pytest

from edge_llm_gym.actions import ActionError
from tests.contract.conftest import of_dynamics
from tests.equality import assert_same


@pytest.fixture(params=of_dynamics("streaming"))
def environment(request) -> str:
    return request.param


def test_malformed_actions_change_nothing(env):
    env.reset(seed=0)
    env.step(env.action_space.sample())
    good = env.action_space.sample()
    nan = good["offload"].copy()
    nan[0, 0] = np.nan
    malformed = {
        "an action is a mapping": good["offload"],
        "lacks the key 'threshold'": {"offload": good["offload"]},
        "did you mean 'threshold'": good | {"treshold": good["threshold"]},
        "unknown action key 'batch'": good | {"batch": 1},
        r"'offload' must have shape \(29, 9\), got \(28, 9\)": good | {"offload": good["offload"][:-1]},
        "'threshold' must have shape": good | {"threshold": good["threshold"][None]},
        r"'offload' must lie in \[0, 1\], got values from nan": good | {"offload": nan},
        r"'offload' must lie in \[0, 1\]": good | {"offload": good["offload"] - 2.0},
        r"'threshold' must lie in \[0, 1\], got values from 0.0 to 1.5": good | {"threshold": np.linspace(0, 1.5, 9)},
        "holds numbers": good | {"threshold": np.full(9, "x")},
        "must (be an array|have shape)": good | {"offload": [[1], [2, 3]]},
    }
    before = env.unwrapped.snapshot()
    for message, action in malformed.items():
        with pytest.raises(ActionError, match=message):
            env.step(action)
    after = env.unwrapped.snapshot()
    assert_same(before.simulator.state, after.simulator.state)
    assert before.generator == after.generator


def test_whole_numbers_are_weights_too(env):
    """0 and 1 of any numeric type are accepted."""
    env.reset(seed=0)
    snapshot = env.unwrapped.snapshot()
    ones = {"offload": np.ones((29, 9), np.int64), "threshold": np.zeros(9, np.float64)}
    first = env.step(ones)
    env.unwrapped.restore(snapshot)
    second = env.step({key: value.astype(np.float32) for key, value in ones.items()})
    for a, b in zip(first, second, strict=True):
        assert_same(a, b)


def test_weights_on_missing_links_and_at_the_last_stage_have_no_effect(env):
    env.reset(seed=0)
    env.action_space.seed(0)
    snapshot = env.unwrapped.snapshot()
    action = env.action_space.sample()
    network, devices = env.unwrapped.scenario.network, env.unwrapped.scenario.devices.count
    exists = np.vstack([np.tile(network.stage == 0, (devices, 1)), network.has_link])
    first = env.step(action)
    env.unwrapped.restore(snapshot)
    assert not exists.all()
    second = env.step(action | {"offload": np.where(exists, action["offload"], 0.125).astype(np.float32)})
    for a, b in zip(first, second, strict=True):
        assert_same(a, b)


def test_there_is_no_mask(env):
    env.reset(seed=0)
    with pytest.raises(TypeError, match=r"continuous actions .* take no mask"):
        env.unwrapped.action_masks()


def test_info_reports_loads_of_nodes(env):
    env.reset(seed=0)
    info = env.step(env.action_space.sample())[4]
    stage = env.unwrapped.scenario.network.stage
    assert info["nodes"]["sent"][stage == 0].sum() == info["metrics"]["arrived"]
    assert info["nodes"]["utilisation"].mean() == pytest.approx(info["metrics"]["utilisation"])
    assert sum(info["metrics"][f"exit_{block}"] for block in (1, 2, 3, 4)) == info["metrics"]["arrived"]
