"""Neighbours of a linear policy's action, each against the same search under prices that are changed one by one."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401, registers the ids
from edge_llm_gym.linear import make_linear
from edge_llm_gym.linear import neighbours as module
from edge_llm_gym.linear.assignment import assign
from edge_llm_gym.linear.neighbours import Perturbations, alternatives, neighbours, net_values, overtime_s
from edge_llm_gym.linear.pricing import FEATURES, OVERRUNS

ROWS, COUNT = 3, 4


def busy_epochs(name, epochs=6):
    """Policy and priced epochs of a few rows after some epochs."""
    envs = gymnasium.make_vec(f"EdgeLLM/{name}-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    policy = make_linear(envs.scenario, search="quick")
    observation, _ = envs.reset(seed=4)
    for _ in range(epochs):
        observation, *_ = envs.step(policy.predict(observation)[0])
    return policy, observation, policy.priced(observation, policy.parameters[None])


def drawn(epochs, count=COUNT):
    return Perturbations.draw(np.random.default_rng(3), count, *epochs.price.shape[1:])


@pytest.mark.parametrize("name", ["SingleNode", "MultiNode", "Joint"])
def test_the_first_neighbour_is_the_action_of_the_policy(name):
    policy, observation, epochs = busy_epochs(name)
    node = neighbours(epochs, drawn(epochs), policy)
    own, _ = policy.predict(observation)
    np.testing.assert_array_equal(node[:, 0], own["batch"])
    actions = alternatives(node, epochs)
    for key, array in own.items():
        np.testing.assert_array_equal(actions[key][::COUNT], array, err_msg=key)
    assert (node != node[:, :1]).any()


@pytest.mark.parametrize("block", [1, 8, 10**6])
def test_a_neighbour_is_found_under_changed_prices(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    policy, _, epochs = busy_epochs("MultiNode")
    changes, epoch_s = drawn(epochs), policy.scenario.epoch_s
    found = neighbours(epochs, changes, policy)
    for row, one in np.ndindex(ROWS, COUNT):
        price, time_price = epochs.price[row].copy(), epochs.node_time_price[row] * np.exp(changes.nodes[one])
        for slot, node in np.ndindex(*price.shape):
            logarithm = changes.pairs[one, slot, node]
            for feature in range(len(FEATURES)):
                logarithm += changes.weights[one, feature] * epochs.columns[row, slot, node, feature]
            price[slot, node] *= np.exp(np.clip(logarithm, -4.0, 4.0))
        part = epochs.part(slice(row, row + 1))
        overruns_s = epoch_s * np.array(OVERRUNS)
        expected = assign(part.costs, price[None], part.free_s, time_price[None], overruns_s, "quick")
        np.testing.assert_array_equal(found[row, one], expected[0])


def test_net_values_and_overtimes_are_sums_over_the_batches():
    policy, _, epochs = busy_epochs("MultiNode")
    node = neighbours(epochs, drawn(epochs), policy)
    overtime = overtime_s(node, epochs)
    net = net_values(node, overtime, epochs.price, epochs.node_time_price)
    assert overtime.max() > 0
    for row, one in np.ndindex(ROWS, COUNT):
        value = 0.0
        for index in range(epochs.price.shape[2]):
            batch = np.flatnonzero(node[row, one] == index + 1)
            value += epochs.price[row, batch, index].sum()
            length_s = epochs.costs.time_s[row, batch, index].sum()
            length_s += max(epochs.costs.shared_time_s[row, batch, index], default=0.0)
            late_s = max(length_s - epochs.free_s[row, index], 0.0)
            assert overtime[row, one, index] == pytest.approx(late_s, rel=1e-12, abs=1e-12)
            value -= epochs.node_time_price[row, index] * late_s
        assert net[row, one] == pytest.approx(value, rel=1e-9)


def test_perturbations_have_their_deviations():
    drawn = Perturbations.draw(np.random.default_rng(0), 4001, 5, 3)
    assert not any(array[0].any() for array in drawn)
    # A third of the draws each has no, a part of, and the full deviation.
    assert drawn.weights.std() == pytest.approx(0.3 * np.sqrt((0.25 + 1) / 3), rel=0.05)
    assert drawn.pairs.std() == pytest.approx(0.3 * np.sqrt((1 / 9 + 1) / 3), rel=0.05)
    assert drawn.nodes.std() == pytest.approx(0.3, rel=0.05)
