"""The linear policy of batching-and-routing dynamics: levels, shares and prices, by hand."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from agents.linear import LinearStaged
from agents.linear.prices import FEATURES
from agents.linear.staged import COST_DRIVERS
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.scenario import load_scenario

JOINT = load_scenario("joint")
ENTRIES, LINKS = 4, 8
RENTS = len(FEATURES)
LEVELS = RENTS + ENTRIES + 1
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
    return LinearStaged(JOINT)


def moved(policy, *changes):
    parameters = np.zeros(LinearStaged.size(JOINT))
    for index, value in changes:
        parameters[index] = value
    return policy.with_parameters(parameters)


def test_at_zero_thresholds_satisfy_the_highest_demand_and_shares_are_equal(policy, observation):
    action = policy.act(observation)
    highest = CompositeReader(JOINT).threshold_levels(COST_DRIVERS)[-1].astype(np.float32)
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


def test_a_level_that_grows_with_the_queue_tells_rows_apart(policy, observation):
    queue = observation["request_mask"].sum(axis=1)
    assert len(set(queue)) > 1
    threshold = moved(policy, (LEVELS + 1, 0.5)).act(observation)["threshold"][:, 0]
    order = np.argsort(queue)
    assert (np.diff(threshold[order]) <= 0).all()
    assert threshold.min() < threshold.max()


def test_shares_follow_their_numbers_and_shun_busy_nodes(policy, observation):
    shifted_quantile = moved(policy, (OWN, np.log(3.0))).act(observation)["offload"]
    np.testing.assert_allclose(shifted_quantile[:, 0, ENTRIES:], [[0.75, 0.25]] * 4, rtol=1e-6)
    np.testing.assert_array_equal(shifted_quantile[:, 1:ENTRIES, ENTRIES:], 0.5)
    busy = {**observation, "nodes": observation["nodes"].copy()}
    busy["nodes"][:, ENTRIES:, 0] = [0.0, 2.0]
    shy = moved(policy, (OWN + LINKS, 0.5)).act(busy)["offload"]
    np.testing.assert_allclose(shy[:, :ENTRIES, ENTRIES] / shy[:, :ENTRIES, ENTRIES + 1], np.e, rtol=1e-5)


def test_high_rents_make_short_batches(policy, observation):
    cheap, dear = (
        moved(policy, *((RENTS + k, rent) for k in range(ENTRIES))).act(observation)["batch"] for rent in (-3.0, 3.0)
    )
    rows = CompositeReader(JOINT).read_rows(observation)

    def work_s(batch):
        return sum(rows.time_s[row, slot, k - 1] for (row, slot), k in np.ndenumerate(batch) if k)

    assert 0 < work_s(dear) < work_s(cheap)


def test_it_reads_staged_admission_alone():
    with pytest.raises(ValueError, match="plan for two stages"):
        LinearStaged(load_scenario("multi-node"))
    assert isinstance(LinearStaged(JOINT)._reader, BatchingReader)


def test_leeway_lets_nodes_take_more(policy, observation):
    plain = policy.act(observation)["batch"]
    for index in (-2, -1):
        longer = moved(policy, (index, 0.5)).act(observation)["batch"]
        assert (longer > 0).sum() > (plain > 0).sum()
    shorter = moved(policy, (-2, -0.5)).act(observation)["batch"]
    assert (shorter > 0).sum() < (plain > 0).sum()
