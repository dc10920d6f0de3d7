"""The codec of prices: of its candidates it takes the one that is worth most under the corrected prices."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.codecs import make_codec
from edge_llm_gym.codecs.parameters import SPAN
from edge_llm_gym.linear.neighbours import Perturbations

ROWS, COUNT = 6, 12


def state(name="MultiNode"):
    envs = gymnasium.make_vec(f"EdgeLLM/{name}-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    codec = make_codec("prices", envs.scenario, candidates=COUNT)
    observation, _ = envs.reset(seed=2)
    for _ in range(5):
        observation, *_ = envs.step(codec.decode(np.zeros((ROWS, *codec.space.shape), np.float32), observation))
    return envs, codec, observation


def worth(codec, epochs, row, node, flat):
    """Net value of a batch [N] under a flat action, in plain Python."""
    slots, nodes = epochs.price.shape[1:]
    total = 0.0
    for index in range(nodes):
        batch = np.flatnonzero(node == index + 1)
        for slot in batch:
            total += epochs.price[row, slot, index] * np.exp(SPAN * flat[slot * nodes + index])
        length_s = epochs.costs.time_s[row, batch, index].sum()
        length_s += max(epochs.costs.shared_time_s[row, batch, index], default=0.0)
        late_s = max(length_s - epochs.free_s[row, index], 0.0)
        total -= epochs.node_time_price[row, index] * np.exp(SPAN * flat[slots * nodes + index]) * late_s
    return total


@pytest.mark.parametrize("name", ["SingleNode", "MultiNode", "Joint"])
def test_the_best_candidate_under_the_corrected_prices_is_taken(name):
    _, codec, observation = state(name)
    rng = np.random.default_rng(1)
    flat = rng.uniform(-0.6, 0.6, (ROWS, *codec.space.shape)).astype(np.float32)
    action, epochs = codec.decode(flat, observation), codec.priced(observation)
    fixed = Perturbations.draw(np.random.default_rng(0), COUNT, *epochs.price.shape[1:])
    candidates = codec.candidates(epochs, fixed)
    for row in range(ROWS):
        values = [worth(codec, epochs, row, node, flat[row].astype(np.float64)) for node in candidates[row]]
        np.testing.assert_array_equal(action["batch"][row], candidates[row, int(np.argmax(values))])
    assert (action["batch"] != candidates[:, 0]).any()


def test_one_candidate_is_the_linear_policy():
    envs, _, observation = state()
    codec = make_codec("prices", envs.scenario, candidates=1)
    flat = np.full((ROWS, *codec.space.shape), 0.5, np.float32)
    own, _ = codec.policy.predict(observation)
    for key, array in codec.decode(flat, observation).items():
        np.testing.assert_array_equal(array, own[key], err_msg=key)


def test_bad_settings_are_refused():
    scenario = state()[0].scenario
    with pytest.raises(ValueError, match=r"candidates must be .*got 0"):
        make_codec("prices", scenario, candidates=0)
    with pytest.raises(ValueError, match="takes a linear policy of 17 numbers"):
        make_codec("prices", scenario, base=[1.0])
    with pytest.raises(ValueError, match="unknown codec of dynamics 'streaming'"):
        make_codec("prices", gymnasium.make("EdgeLLM/EarlyExit-v0").unwrapped.scenario)
    with pytest.raises(NotImplementedError, match="no inverse"):
        make_codec("prices", scenario).encode({}, {})
