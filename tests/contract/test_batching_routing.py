"""The contract of environments of batching-and-routing dynamics: four parts of the action, masks, exits in the info."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.actions import ActionError
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from tests.contract.conftest import make_rows, of_dynamics
from tests.equality import assert_same


@pytest.fixture(params=of_dynamics("batching_routing"))
def environment(request) -> str:
    return request.param


def test_masks_agree_with_refusals(env):
    """A request that is admitted alone with the whole band is refused exactly where its mask is False."""
    env.reset(seed=5)
    env.action_space.seed(5)
    entries = env.unwrapped.scenario.network.entry_nodes.size
    cases = set()
    for _ in range(4):
        mask = env.unwrapped.action_masks().reshape(-1, entries + 1)
        assert mask[:, 0].all()
        snapshot, action = env.unwrapped.snapshot(), env.action_space.sample()
        for slot, node in np.argwhere(np.ones_like(mask)):
            batch = np.zeros(len(mask), np.int64)
            batch[slot] = node
            alone = action | {"batch": batch, "bandwidth": np.ones((len(mask), 2), np.float32)}
            metrics = env.unwrapped.step(alone)[4]["metrics"]
            assert bool(metrics["admitted"]) == (mask[slot, node] and node > 0), (slot, node)
            cases.add((bool(env.unwrapped.restore(snapshot)["request_mask"][slot]), bool(mask[slot, node])))
        env.step(action)
    assert {(True, True), (True, False), (False, False)} <= cases


def test_masks_equal_those_of_the_rows(environment):
    envs = make_rows(environment, 2)
    envs.reset(seed=0)
    single = gymnasium.make(environment)
    single.reset(seed=1)
    masks = envs.unwrapped.action_masks()
    assert masks.dtype == np.bool_
    assert_same(masks[1], single.unwrapped.action_masks())


def test_malformed_actions_change_nothing(env):
    env.reset(seed=0)
    env.step(env.action_space.sample())
    good = env.action_space.sample()
    slots, nodes = env.unwrapped.scenario.slots, len(env.unwrapped.scenario.nodes)
    entries = env.unwrapped.scenario.network.entry_nodes.size
    nan = good["offload"].copy()
    nan[0, 0] = np.nan
    malformed = {
        "an action is a mapping": good["batch"],
        "lacks the key 'threshold'": {key: good[key] for key in ("batch", "bandwidth", "offload")},
        "did you mean 'offload'": good | {"ofload": good["offload"]},
        "'batch' must have shape": good | {"batch": good["batch"][:-1]},
        "whole numbers": good | {"batch": good["batch"].astype(float)},
        rf"must lie in 0..{entries}, got values from .* to {entries + 1}": good
        | {"batch": np.full(slots, entries + 1)},
        "'bandwidth' must have shape": good | {"bandwidth": good["bandwidth"][:, :1]},
        r"'bandwidth' must lie in \[0, 1\]": good | {"bandwidth": good["bandwidth"] - 2.0},
        rf"'offload' must have shape \({nodes}, {nodes}\)": good | {"offload": good["offload"][:-1]},
        r"'offload' must lie in \[0, 1\], got values from nan": good | {"offload": nan},
        "'threshold' must have shape": good | {"threshold": good["threshold"][None]},
        r"'threshold' must lie in \[0, 1\], got values from 0.0 to 1.5": good
        | {"threshold": np.linspace(0, 1.5, nodes)},
        "holds numbers": good | {"threshold": np.full(nodes, "x")},
        "must (be an array|have shape)": good | {"offload": [[1], [2, 3]]},
    }
    before = env.unwrapped.snapshot()
    for message, action in malformed.items():
        with pytest.raises(ActionError, match=message):
            env.step(action)
    after = env.unwrapped.snapshot()
    assert_same(before.simulator.state, after.simulator.state)
    assert before.generator == after.generator


def steps_alike(env, first, second, steps: int = 3) -> bool:
    """Whether two actions lead from here to the same observations, rewards and infos."""
    snapshot, trails = env.unwrapped.snapshot(), []
    for action in (first, second):
        env.unwrapped.restore(snapshot)
        trails.append([env.unwrapped.step(action) for _ in range(steps)])
    try:
        for one, other in zip(*trails, strict=True):
            for a, b in zip(one, other, strict=True):
                assert_same(a, b)
    except AssertionError:
        return False
    return True


def test_weights_of_missing_links_and_of_waiting_requests_have_no_effect(env):
    """Weights on links that do not exist and of slots that wait, and thresholds of nodes without requests."""
    env.reset(seed=0)
    env.action_space.seed(0)
    scenario = env.unwrapped.scenario
    entries, exists = scenario.network.entry_nodes.size, scenario.network.has_link
    action = env.action_space.sample() | {"threshold": np.ones(len(scenario.nodes), np.float32)}
    action["batch"] = np.resize([1, 0], scenario.slots)  # every request waits or joins the first node
    there = np.where(exists, action["offload"], 0.125)
    assert steps_alike(env, action, action | {"offload": there})
    assert not steps_alike(env, action, action | {"offload": np.where(exists, np.eye(len(exists))[-1], 0.125)})
    bandwidth, half = action["bandwidth"].copy(), action["bandwidth"].copy()
    bandwidth[1::2] = 1 - bandwidth[1::2]
    assert steps_alike(env, action, action | {"bandwidth": bandwidth})
    half[::4] = 0.0
    assert not steps_alike(env, action, action | {"bandwidth": half})
    threshold = action["threshold"].copy()
    threshold[1:entries] = 0.0
    assert steps_alike(env, action, action | {"threshold": threshold})
    threshold[0] = 0.0
    assert not steps_alike(env, action, action | {"threshold": threshold})


def test_whole_numbers_are_weights_too(env):
    env.reset(seed=0)
    nodes, slots = len(env.unwrapped.scenario.nodes), env.unwrapped.scenario.slots
    whole = {
        "batch": np.ones(slots, np.int8),
        "bandwidth": np.ones((slots, 2), np.int64),
        "offload": np.ones((nodes, nodes), np.int32),
        "threshold": np.zeros(nodes, np.float64),
    }
    floats = {key: value.astype(np.int64 if key == "batch" else np.float32) for key, value in whole.items()}
    assert steps_alike(env, whole, floats)


def test_info_reports_the_block_after_which_a_request_left(env):
    env.reset(seed=0)
    env.action_space.seed(1)
    blocks, before, exits = len(env.unwrapped.scenario.block_layers), np.zeros(0), np.zeros(0)
    for _ in range(15):
        info = env.step(env.action_space.sample())[4]
        slots, metrics = info["slots"], info["metrics"]
        computed = np.isin(slots["outcome"], (SERVED, LATE, BELOW_QUALITY))
        np.testing.assert_array_equal(slots["exit"] > 0, computed)
        counted = np.bincount(slots["exit"][computed], minlength=blocks + 1)[1:]
        assert counted.tolist() == [metrics[f"exit_{block}"] for block in range(1, blocks + 1)]
        assert metrics["forwarded"] >= counted[2:].sum()
        exits = np.append(exits, slots["exit"])
        before = np.append(before, slots["request"][computed])
    assert set(exits) == set(range(blocks + 1))
    assert np.unique(before).size == before.size, "no request is computed twice"


def test_thresholds_of_zero_and_one_decide_which_requests_are_forwarded(env):
    """At 0 every request leaves after the first block; at 1 only requests of confidence 1 leave early."""
    env.reset(seed=3)
    env.action_space.seed(3)
    action, snapshot = env.action_space.sample(), env.unwrapped.snapshot()
    nodes = len(env.unwrapped.scenario.nodes)
    first = env.step(action | {"threshold": np.zeros(nodes, np.float32)})[4]["metrics"]
    assert first["admitted"] == first["exit_1"] > 0
    assert first["forwarded"] == 0
    env.unwrapped.restore(snapshot)
    last = env.step(action | {"threshold": np.ones(nodes, np.float32)})[4]["metrics"]
    assert last["admitted"] == first["admitted"], "admission does not depend on thresholds"
    confidence = env.unwrapped.simulator.tape.exits.confidence[0]
    assert (confidence < 1.0).all()
    assert last["forwarded"] == last["exit_4"] == last["admitted"]
