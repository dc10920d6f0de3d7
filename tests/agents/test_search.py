"""Cross-entropy search for linear policies."""

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from agents.search import HELD_OUT, SearchConfig, search
from edge_llm_gym.evaluation import compare
from edge_llm_gym.linear import load_linear
from edge_llm_gym.scenario import load_scenario
from scripts.search import main

SCENARIOS = {"EdgeLLM/EarlyExit-v0": "early-exit", "EdgeLLM/MultiNode-v0": "multi-node"}
TINY = {"generations": 2, "population": 4, "elite": 2, "rows": 1, "held_out": 2}


@pytest.mark.parametrize("environment", SCENARIOS)
def test_a_search_repeats_with_its_seed_and_reports_each_generation(environment):
    reports = []
    first = search(SearchConfig(**TINY, environment=environment), lambda *figures: reports.append(figures))
    again = search(SearchConfig(**TINY, environment=environment))
    other = search(SearchConfig(**TINY, environment=environment, seed=1))
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert not np.array_equal(first.parameters, other.parameters)
    assert [generation for generation, *_ in reports] == [0, 1]
    assert all(best >= mean for _, mean, best, _ in reports)


def test_a_search_improves():
    """With a spread that covers bad parameters too, later generations score more than the first on average."""
    means = []
    settings = {"generations": 4, "population": 10, "elite": 3, "rows": 4, "spread": 1.0, "held_out": 1}
    search(SearchConfig(**settings), lambda generation, mean, *_: means.append(mean))
    assert np.mean(means[-2:]) > means[0]


def test_held_out_tapes_are_fixed_and_do_not_affect_the_search():
    reports, fewer = [], []
    policy = search(SearchConfig(**TINY), lambda *figures: reports.append(figures))
    again = search(SearchConfig(**TINY | {"held_out": 1}), lambda *figures: fewer.append(figures))
    np.testing.assert_array_equal(policy.parameters, again.parameters)
    scenario = load_scenario("early-exit")
    returns = [episode_return(scenario, policy, HELD_OUT + tape) for tape in range(2)]
    assert reports[-1][3] == pytest.approx(np.mean(returns))
    assert fewer[-1][3] == pytest.approx(returns[0])


def episode_return(scenario, policy, seed):
    env = gymnasium.make("EdgeLLM/EarlyExit-v0")
    observation, _ = env.reset(seed=seed)
    total = 0.0
    for _ in range(scenario.horizon_epochs):
        observation, reward, *_ = env.step(policy.predict(observation)[0])
        total += reward
    return total


@pytest.mark.parametrize("environment", SCENARIOS)
def test_compare_reads_the_output_of_the_command(environment, tmp_path):
    settings = TINY | {"environment": environment}
    assert (
        main(
            [*(f"--{name.replace('_', '-')}={value}" for name, value in settings.items()), f"--out={tmp_path / 'run'}"]
        )
        == 0
    )
    path = tmp_path / "run" / "linear.zip"
    loaded = load_linear(path, load_scenario(SCENARIOS[environment]))
    np.testing.assert_array_equal(loaded.parameters, search(SearchConfig(**settings)).parameters)
    table = compare(environment, [str(path), "random"], seeds=[0], overrides={"horizon_epochs": 5})
    assert set(table.policies) == {str(path), "random"}
    assert len((tmp_path / "run" / "progress.csv").read_text().splitlines()) == 3
