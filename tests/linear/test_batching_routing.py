"""The linear policy of batching-and-routing dynamics: levels, shares and prices, computed by hand."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.linear import LinearBatchingRouting
from edge_llm_gym.linear.batching import FEATURES
from edge_llm_gym.linear.batching_routing import QUALITY_LEVELS
from edge_llm_gym.scenario import load_scenario

JOINT = load_scenario("joint")
ENTRIES, LINKS = 4, 8
NODE_TIME = len(FEATURES)
LEVELS = NODE_TIME + ENTRIES + 1
OWN = LEVELS + 4


@pytest.fixture(scope="module")
def observation():
    envs = gymnasium.make_vec("EdgeLLM/Joint-v0", num_envs=4, vectorization_mode="vector_entry_point")
    seen, _ = envs.reset(seed=0)
    envs.action_space.seed(1)
    for _ in range(6):
        seen, *_ = envs.step(envs.action_space.sample())
    return seen


@pytest.fixture(scope="module")
def policy():
    return LinearBatchingRouting(JOINT)


def moved(policy, *changes):
    parameters = np.zeros(LinearBatchingRouting.size(JOINT))
    for index, value in changes:
        parameters[index] = value
    return policy.with_parameters(parameters)


def test_zero_parameters_meet_the_highest_demand_with_equal_shares(policy, observation):
    action = policy.act(observation)
    highest = CompositeReader(JOINT).threshold_levels(QUALITY_LEVELS)[-1].astype(np.float32)
    np.testing.assert_array_equal(action["threshold"], np.tile(highest, (4, 1)))
    np.testing.assert_array_equal(action["offload"][:, :ENTRIES, ENTRIES:], 0.5)
    assert action["offload"].sum() == 4 * ENTRIES


def test_levels_lower_the_thresholds_of_entry_and_deep_nodes_apart(policy, observation):
    zero = policy.act(observation)["threshold"]
    entry = moved(policy, (LEVELS, 0.3)).act(observation)["threshold"]
    deep = moved(policy, (LEVELS + 3, 1.0)).act(observation)["threshold"]
    assert (entry[:, :ENTRIES] < zero[:, :ENTRIES]).all()
    np.testing.assert_array_equal(entry[:, ENTRIES:], zero[:, ENTRIES:])
    np.testing.assert_array_equal(deep[:, :ENTRIES], zero[:, :ENTRIES])
    assert (deep[:, ENTRIES:] <= zero[:, ENTRIES:]).all()
    assert (deep[:, ENTRIES:] < zero[:, ENTRIES:]).any()


def test_the_queue_weight_lowers_thresholds_in_longer_queues(policy, observation):
    queue = observation["request_mask"].sum(axis=1)
    assert len(set(queue)) > 1
    threshold = moved(policy, (LEVELS + 1, 0.5)).act(observation)["threshold"][:, 0]
    order = np.argsort(queue)
    assert (np.diff(threshold[order]) <= 0).all()
    assert threshold.min() < threshold.max()


def test_shares_follow_their_parameters_and_decrease_for_busy_nodes(policy, observation):
    weighted = moved(policy, (OWN, np.log(3.0))).act(observation)["offload"]
    np.testing.assert_allclose(weighted[:, 0, ENTRIES:], [[0.75, 0.25]] * 4, rtol=1e-6)
    np.testing.assert_array_equal(weighted[:, 1:ENTRIES, ENTRIES:], 0.5)
    busy = {**observation, "nodes": observation["nodes"].copy()}
    busy["nodes"][:, ENTRIES:, 0] = [0.0, 2.0]
    avoiding = moved(policy, (OWN + LINKS, 0.5)).act(busy)["offload"]
    np.testing.assert_allclose(avoiding[:, :ENTRIES, ENTRIES] / avoiding[:, :ENTRIES, ENTRIES + 1], np.e, rtol=1e-5)


def test_high_prices_of_node_time_make_short_batches(policy, observation):
    cheap, expensive = (
        moved(policy, *((NODE_TIME + k, price) for k in range(ENTRIES))).act(observation)["batch"]
        for price in (-3.0, 3.0)
    )
    rows = CompositeReader(JOINT).read_rows(observation)

    def work_s(batch):
        return sum(rows.time_s[row, slot, k - 1] for (row, slot), k in np.ndenumerate(batch) if k)

    assert 0 < work_s(expensive) < work_s(cheap)


def test_it_requires_batching_and_routing_dynamics():
    with pytest.raises(ValueError, match="plan for two stages"):
        LinearBatchingRouting(load_scenario("multi-node"))
    assert isinstance(LinearBatchingRouting(JOINT)._reader, BatchingReader)


def test_budget_slack_admits_more_requests(policy, observation):
    plain = policy.act(observation)["batch"]
    for index in (-2, -1):
        longer = moved(policy, (index, 0.5)).act(observation)["batch"]
        assert (longer > 0).sum() > (plain > 0).sum()
    shorter = moved(policy, (-2, -0.5)).act(observation)["batch"]
    assert (shorter > 0).sum() < (plain > 0).sum()
