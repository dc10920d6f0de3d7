"""Experts by name, through the predict protocol."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.env.description.docstrings import docstring_table
from edge_llm_gym.experts import expert_descriptions, expert_names, expert_settings, make_expert
from edge_llm_gym.experts.catalogue import DESCRIPTIONS
from edge_llm_gym.scenario import load_scenario
from tests.equality import assert_same

STREAM = load_scenario("early-exit")
FAST = ("random", "fcfs", "edf", "sjf", "stb", "nob", "dftsp", "ot-gah")


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("environment", ["EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0"])
def test_actions_lie_in_the_action_space_single_and_batched(environment, name):
    envs = gymnasium.make_vec(environment, num_envs=3, vectorization_mode="vector_entry_point")
    observations, _ = envs.reset(seed=0)
    batched, state = make_expert(name, envs, seed=5).predict(observations)
    assert state is None
    assert envs.action_space.contains(batched)
    single = make_expert(name, gymnasium.make(environment), seed=5)
    for row in range(3):
        action, _ = single.predict({key: value[row] for key, value in observations.items()})
        assert envs.single_action_space.contains(action)
        assert_same(action, {key: value[row] for key, value in batched.items()})


def test_every_expert_has_a_description():
    assert set(DESCRIPTIONS) == set(expert_names())
    for scenario in ("single-node", "early-exit", "joint"):
        described = expert_descriptions(load_scenario(scenario))
        assert list(described) == expert_names(load_scenario(scenario))
        assert all(described.values())
    assert expert_descriptions()["ot-gah+dto-ee"] == "batches by ot-gah, offload shares and thresholds by dto-ee"


@pytest.mark.parametrize("source", ["single-node", "early-exit", "joint"])
def test_settings_are_those_that_an_expert_takes(source):
    """A setting that it does not have raises TypeError; one that it has, at most ValueError for the value."""
    scenario = load_scenario(source)
    known = [row["setting"] for row in docstring_table(make_expert, "setting")]
    for name in expert_names(scenario):
        taken = [setting for setting in known if takes(name, scenario, setting)]
        assert sorted(expert_settings(name, scenario)) == sorted(taken), name


def takes(name, scenario, setting):
    try:
        make_expert(name, scenario, **{setting: 1})
    except TypeError as error:
        return f"has no setting {setting!r}" not in str(error)
    except ValueError:
        return True
    return True


def test_settings_of_an_expert_of_other_dynamics_are_refused():
    with pytest.raises(ValueError, match="'dto-ee' does not serve dynamics 'batching'"):
        expert_settings("dto-ee", load_scenario("single-node"))


def test_an_expert_is_made_from_a_wrapped_environment_or_a_scenario():
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make("EdgeLLM/SingleNode-v0"))
    observation, _ = env.reset(seed=0)
    from_env, from_scenario = make_expert("edf", env), make_expert("edf", load_scenario("single-node"))
    assert_same(from_env.predict(observation)[0], from_scenario.predict(observation)[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda env: make_expert("dtfsp", env), ValueError, "did you mean 'dftsp'"),
        (lambda env: make_expert("edf", env, node_rul="first"), TypeError, "did you mean 'node_rule'"),
        (
            lambda env: make_expert("dto-ee", env),
            ValueError,
            "does not serve dynamics 'batching' .* one of: random, fcfs",
        ),
        (lambda env: make_expert("edf", STREAM), ValueError, "does not serve dynamics 'streaming' .* random, dto-ee"),
        (lambda env: make_expert("uniform", STREAM, treshold=1), TypeError, "did you mean 'threshold'"),
        (lambda env: make_expert("uniform", STREAM, threshold=2), ValueError, "at most 1 .a confidence., got 2"),
        (lambda env: make_expert("dto-ee", STREAM, replan_every=0), ValueError, "every must be at least 1, got 0"),
        (lambda env: make_expert("edf", env, overrun_s=-1.0), ValueError, "overrun_s must be zero or more, got -1.0"),
        (
            lambda env: make_expert("edf", "single-node"),
            TypeError,
            "expected an Edge LLM Gym environment or a Scenario",
        ),
        (
            lambda env: make_expert("edf", gymnasium.make("CartPole-v1")),
            TypeError,
            "expected an Edge LLM Gym environment",
        ),
    ],
)
def test_misuse_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(gymnasium.make("EdgeLLM/SingleNode-v0"))


def test_an_observation_of_another_scenario_is_refused():
    observation, _ = gymnasium.make("EdgeLLM/MultiNode-v0").reset(seed=0)
    with pytest.raises(ValueError, match="was made for scenario 'single-node'"):
        make_expert("edf", load_scenario("single-node")).predict(observation)


def test_random_repeats_with_its_seed_and_differs_between_seeds():
    env = gymnasium.make("EdgeLLM/MultiNode-v0")
    observation, _ = env.reset(seed=0)
    first, again, other = (make_expert("random", env, seed=seed).predict(observation)[0] for seed in (1, 1, 2))
    assert_same(first, again)
    assert not np.array_equal(first["batch"], other["batch"])


def test_an_empty_queue_gives_an_empty_batch():
    env = gymnasium.make("EdgeLLM/MultiNode-v0", overrides={"arrivals": {"process": "poisson", "rate_per_s": 1e-6}})
    observation, _ = env.reset(seed=0)
    assert not observation["request_mask"].any()
    for name in FAST:
        action, _ = make_expert(name, env).predict(observation)
        assert not action["batch"].any()


def test_no_batching_takes_the_first_request_that_fits():
    """With at most one request per batch, the baseline takes a request that the masks allow."""
    env = gymnasium.make(
        "EdgeLLM/SingleNode-v0",
        overrides={"channel.shadowing_db": 0.0, "requests.accuracy": [0.0, 0.0], "arrivals.rate_per_s": 4.0},
    )
    observation, _ = env.reset(seed=3)
    for _ in range(3):
        observation, *_ = env.step(make_expert("random", env, seed=0).predict(observation)[0])
    count = int(observation["request_mask"].sum())
    fits = env.unwrapped.action_masks().reshape(32, 2)[:count, 1]
    waited = np.where(fits, observation["requests"][:count, 4], -1.0)
    chosen = np.flatnonzero(make_expert("nob", env).predict(observation)[0]["batch"])
    assert chosen.size <= 1
    assert count > 3
    if chosen.size:
        assert waited[chosen[0]] >= 0


SETTINGS = (
    ("stb", "single-node", "batch_size"),
    ("dftsp", "single-node", "node_limit"),
    ("ot-gah", "single-node", "node_limit"),
    ("ot-gah", "single-node", "improve"),
    ("milp", "single-node", "time_limit_s"),
    ("edf", "single-node", "overrun_s"),
    ("edf", "single-node", "quantile"),
    ("edf", "single-node", "energy_price"),
    ("edf", "single-node", "node_rule"),
    ("dto-ee", "early-exit", "max_rounds"),
    ("dto-ee", "early-exit", "replan_every"),
    ("dto-ee", "early-exit", "wait_factor"),
    ("uniform", "early-exit", "threshold"),
    ("ot-gah+dto-ee", "joint", "accuracy_weight_s"),
    ("ot-gah+fixed-threshold", "joint", "threshold"),
)


MAY_BE_HUGE = ("overrun_s", "time_limit_s")
WRONG = (np.nan, -1, "7", [1], 1e300)
CASES = [(*one, value) for one in SETTINGS for value in WRONG if value != 1e300 or one[2] not in MAY_BE_HUGE]


@pytest.mark.parametrize(("name", "scenario", "setting", "value"), CASES)
def test_settings_of_another_type_or_out_of_range_are_named(name, scenario, setting, value):
    with pytest.raises(ValueError, match=f"{setting}|{setting.replace('_', ' ')}"):
        make_expert(name, load_scenario(scenario), **{setting: value})


@pytest.mark.parametrize(("name", "scenario", "setting"), [one for one in SETTINGS if one[2] != "improve"])
def test_truth_values_are_no_settings(name, scenario, setting):
    with pytest.raises(ValueError, match=f"{setting}|{setting.replace('_', ' ')}"):
        make_expert(name, load_scenario(scenario), **{setting: True})
