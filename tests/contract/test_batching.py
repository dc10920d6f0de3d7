"""The contract of environments of batching dynamics: masks and checks of actions."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.actions import ActionError
from tests.contract.conftest import make_rows, of_dynamics
from tests.equality import assert_same


@pytest.fixture(params=of_dynamics("batching"))
def environment(request) -> str:
    return request.param


def test_masks_agree_with_refusals(env):
    """A request that is admitted alone with the whole band is refused exactly where its mask is False."""
    env.reset(seed=5)
    env.action_space.seed(5)
    nodes = len(env.unwrapped.scenario.nodes)
    for _ in range(3):
        mask = env.unwrapped.action_masks().reshape(-1, nodes + 1)
        assert mask[:, 0].all()
        snapshot = env.unwrapped.snapshot()
        for slot, node in np.argwhere(np.ones_like(mask)):
            batch = np.zeros(len(mask), np.int64)
            batch[slot] = node
            bandwidth = np.ones((len(mask), 2), np.float32)
            metrics = env.unwrapped.step({"batch": batch, "bandwidth": bandwidth})[4]["metrics"]
            assert bool(metrics["admitted"]) == (mask[slot, node] and node > 0), (slot, node)
            env.unwrapped.restore(snapshot)
        env.step(env.action_space.sample())


def test_malformed_actions_change_nothing(env):
    env.reset(seed=0)
    env.step(env.action_space.sample())
    good = env.action_space.sample()
    slots = env.unwrapped.scenario.slots
    nan = good["bandwidth"].copy()
    nan[0, 0] = np.nan
    malformed = {
        "an action is a mapping": good["batch"],
        "lacks the key 'bandwidth'": {"batch": good["batch"]},
        "did you mean 'batch'": good | {"bach": good["batch"]},
        "'batch' must have shape": good | {"batch": good["batch"][:-1]},
        "whole numbers": good | {"batch": good["batch"].astype(float)},
        "must lie in 0..": good | {"batch": np.full(slots, 99)},
        "got values from -1": good | {"batch": np.full(slots, -1)},
        "'bandwidth' must have shape": good | {"bandwidth": good["bandwidth"][:, :1]},
        r"must lie in \[0, 1\], got values from nan": good | {"bandwidth": nan},
        r"must lie in \[0, 1\]": good | {"bandwidth": good["bandwidth"] - 2.0},
        "holds numbers": good | {"bandwidth": np.full((slots, 2), "x")},
        "list of other lengths": good | {"batch": [[1], [2, 3]]},
    }
    before = env.unwrapped.snapshot()
    for message, action in malformed.items():
        with pytest.raises(ActionError, match=message):
            env.step(action)
    after = env.unwrapped.snapshot()
    assert_same(before.simulator.state, after.simulator.state)
    assert before.generator == after.generator


def test_masks_equal_those_of_the_rows(environment):
    envs = make_rows(environment, 2)
    envs.reset(seed=0)
    single = gymnasium.make(environment)
    single.reset(seed=1)
    masks = envs.unwrapped.action_masks()
    assert masks.dtype == np.bool_
    assert_same(masks[1], single.unwrapped.action_masks())
