"""The parameter codec: each row acts under parameters of its own, as the linear policy with those parameters does."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.codecs import make_codec
from edge_llm_gym.codecs.parameters import SPAN
from edge_llm_gym.linear import make_linear

ROWS = 4
NAMES = ("SingleNode", "MultiNode", "Continuous", "EarlyExit", "Joint")


@pytest.mark.parametrize("search", ["exact", "quick"])
@pytest.mark.parametrize("name", NAMES)
def test_a_row_acts_as_the_linear_policy_with_its_parameters(name, search):
    envs = gymnasium.make_vec(f"EdgeLLM/{name}-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    codec, rng = make_codec("parameters", envs.scenario, search=search), np.random.default_rng(1)
    observation, _ = envs.reset(seed=3)
    for _ in range(3):
        flat = rng.uniform(-0.3, 0.3, (ROWS, *codec.space.shape)).astype(np.float32)
        action = codec.decode(flat, observation)
        for row in range(ROWS):
            alone = make_linear(envs.scenario, SPAN * flat[row].astype(np.float64), search=search)
            expected, _ = alone.predict({key: array[row] for key, array in observation.items()})
            for key, array in expected.items():
                np.testing.assert_array_equal(action[key][row], array, err_msg=key)
        observation, *_ = envs.step(action)
    assert any(np.ptp(array, axis=0).any() for array in action.values())


@pytest.mark.parametrize("codec", ["parameters", "prices"])
@pytest.mark.parametrize("name", ["MultiNode", "Joint"])
def test_threads_change_nothing(name, codec):
    envs = gymnasium.make_vec(f"EdgeLLM/{name}-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    one, several = (make_codec(codec, envs.scenario, num_threads=threads) for threads in (1, 3))
    observation, _ = envs.reset(seed=3)
    for _ in range(3):
        flat = np.stack([one.space.sample() for _ in range(ROWS)]) / 5
        action, expected = several.decode(flat, observation), one.decode(flat, observation)
        for key, array in expected.items():
            np.testing.assert_array_equal(action[key], array, err_msg=key)
        observation, *_ = envs.step(action)
    with pytest.raises(ValueError, match="num_threads"):
        make_codec(codec, envs.scenario, num_threads=0)


def test_zeros_are_the_base():
    envs = gymnasium.make_vec("EdgeLLM/MultiNode-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    base = np.linspace(-1.0, 1.0, make_linear(envs.scenario).parameters.size)
    codec = make_codec("parameters", envs.scenario, base=base.tolist())
    observation, _ = envs.reset(seed=0)
    action = codec.decode(np.zeros((ROWS, base.size), np.float32), observation)
    expected, _ = make_linear(envs.scenario, base, search="quick").predict(observation)
    np.testing.assert_array_equal(action["batch"], expected["batch"])


def test_bad_settings_are_refused():
    scenario = gymnasium.make("EdgeLLM/MultiNode-v0").unwrapped.scenario
    with pytest.raises(ValueError, match="takes a linear policy of 17 numbers, got shape"):
        make_codec("parameters", scenario, base=[0.0])
    with pytest.raises(ValueError, match="unknown search 'best'"):
        make_codec("parameters", scenario, search="best")
    with pytest.raises(NotImplementedError, match="no inverse"):
        make_codec("parameters", scenario).encode({}, {})
