"""Cross-entropy search and the linear policy that it finds."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from agents.config import ConfigError
from agents.linear_policy import CLAIMED, MEDIAN, LinearPolicy, is_linear, load_linear
from agents.loading import policy_factory
from agents.search import SearchConfig, search
from agents.tilt_codec import Tilt
from edge_llm_gym.evaluation import compare
from edge_llm_gym.sim.loading import load_scenario
from scripts.search import main
from tests.equality import assert_same

ENVIRONMENT = "EdgeLLM/EarlyExit-v0"
SCENARIO = load_scenario("early-exit")
TINY = {"generations": 2, "population": 4, "elite": 2, "rows": 2}


def observations(rows=3):
    envs = gymnasium.make_vec(ENVIRONMENT, num_envs=rows, vectorization_mode="vector_entry_point")
    observation, _ = envs.reset(seed=1)
    envs.action_space.seed(0)
    for _ in range(5):
        observation, *_ = envs.step(envs.action_space.sample())
    return envs, observation


def test_zero_parameters_are_the_middle_of_the_tilt():
    _, observation = observations()
    policy = LinearPolicy(SCENARIO, np.zeros(LinearPolicy.size(SCENARIO)))
    assert_same(policy.predict(observation)[0], Tilt(SCENARIO).decode(np.zeros((3, 19)), observation))


def test_flat_numbers_by_hand():
    """Slope follows the first stage's claimed time, the last threshold the confidence; one node has a bonus."""
    parameters = np.zeros(LinearPolicy.size(SCENARIO))
    weights = parameters[:24].reshape(6, 4)
    weights[3, 0], weights[1, 3], parameters[24 + 2] = 0.1, 0.2, 0.5
    _, observation = observations()
    flat = LinearPolicy(SCENARIO, parameters).flat(observation)
    claimed = np.minimum(observation["nodes"][:, :4, CLAIMED], 3.0).mean(axis=1)
    np.testing.assert_allclose(flat[:, 0], 0.1 * claimed, rtol=1e-6)
    np.testing.assert_array_equal(flat[:, 1:10], np.tile([0, 0, 0.5, 0, 0, 0, 0, 0, 0], (3, 1)))
    np.testing.assert_array_equal(flat[:, 10:17], 0.0)
    sure = 3.0 * (observation["exit_confidence"][:, 0, MEDIAN] - 0.5)
    np.testing.assert_allclose(flat[:, 17:], np.tile(0.2 * sure[:, None], 2), rtol=1e-5)


def test_rows_alone_and_together_agree():
    envs, observation = observations()
    parameters = np.random.default_rng(0).normal(0, 0.3, LinearPolicy.size(SCENARIO))
    policy = LinearPolicy(SCENARIO, parameters)
    together = policy.predict(observation)[0]
    assert envs.action_space.contains(together)
    for row in range(3):
        alone = policy.predict({key: value[row] for key, value in observation.items()})[0]
        assert_same(alone, {key: value[row] for key, value in together.items()})


def test_a_search_repeats_with_its_seed_and_tells_what_it_does():
    told = []
    first = search(SearchConfig(**TINY), lambda *what: told.append(what))
    again, other = search(SearchConfig(**TINY)), search(SearchConfig(**TINY, seed=1))
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert not np.array_equal(first.parameters, other.parameters)
    assert [generation for generation, *_ in told] == [0, 1]
    assert all(best >= mean for _, mean, best in told)


def test_a_search_climbs():
    """From a spread that covers bad tilts too, later generations score more than the first on average."""
    means = []
    settings = {"generations": 4, "population": 10, "elite": 3, "rows": 4, "spread": 1.0}
    search(SearchConfig(**settings), lambda generation, mean, best: means.append(mean))
    assert np.mean(means[-2:]) > means[0]


def test_the_command_writes_what_compare_reads(tmp_path):
    arguments = [f"--{name}={value}" for name, value in TINY.items()]
    assert main([*arguments, f"--out={tmp_path / 'run'}"]) == 0
    path = tmp_path / "run" / "linear.zip"
    assert is_linear(path)
    loaded = load_linear(path, SCENARIO)
    np.testing.assert_array_equal(loaded.parameters, search(SearchConfig(**TINY)).parameters)
    table = compare(ENVIRONMENT, [str(path), "uniform"], seeds=[0], overrides={"horizon_epochs": 5})
    assert set(table.policies) == {str(path), "uniform"}
    assert len((tmp_path / "run" / "progress.csv").read_text().splitlines()) == 3
    with pytest.raises(ConfigError, match=r"takes a linear policy of 33 numbers|tilt codec bends plans"):
        policy_factory(str(path))(gymnasium.make("EdgeLLM/MultiNode-v0"))


def test_a_wrong_number_of_parameters_is_refused():
    with pytest.raises(ValueError, match=r"takes a linear policy of 33 numbers, got \(3,\)"):
        LinearPolicy(SCENARIO, np.zeros(3))
