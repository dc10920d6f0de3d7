"""Shipped policies: they load by name, act as the networks that they were, and reach the scores of their records."""

from pathlib import Path

import numpy as np
import pytest

from agents.config import read_config
from agents.evaluation import evaluate, make_envs
from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.policies import policy_sources, trained_policy_factory
from edge_llm_gym.linear import LinearPolicy
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3 import DecodedPolicy, load_policy
from edge_llm_gym.sb3.policy_file import PolicyFile, write_policy_file
from edge_llm_gym.sb3.pretrained import is_linear_inside, pretrained_file, pretrained_names, pretrained_path
from edge_llm_gym.sb3.saved import saved_policy
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.settings import ConfigError

TAPES = 6
"""Tapes of the record that are played again."""
LINEAR = [name for name in pretrained_names() if is_linear_inside(pretrained_file(name).description)]
PRICES = [name for name in pretrained_names() if name.endswith("-prices")]


def test_there_is_one_for_every_environment():
    assert {pretrained_file(name).description.environment.id for name in pretrained_names()} == set(ENVIRONMENTS)
    assert pretrained_names("EdgeLLM/Joint-v0") == ["joint-ppo", "joint-prices"]


@pytest.mark.parametrize("name", pretrained_names())
def test_a_record_of_scores_is_ahead_of_the_best_expert(name):
    """The differences in the record are those of its scores, and all of them exclude zero."""
    about = pretrained_file(name).about
    own = np.array(about["held_out"]["score"])
    assert own.size >= 100
    for expert in about["experts"].values():
        assert expert["difference"]["mean"] == pytest.approx(np.mean(own - np.array(expert["score"])))
        assert expert["difference"]["low"] > 0


@pytest.mark.parametrize("name", pretrained_names())
def test_a_shipped_policy_reproduces_the_scores_of_its_record(name):
    content = pretrained_file(name)
    config = read_config({"environment": content.description.environment.model_dump(), "codec": {"name": "parameters"}})
    envs, record = make_envs(config, TAPES), content.about["held_out"]
    scores = evaluate(envs, saved_policy(pretrained_path(name), envs.scenario), record["first_tape"]).score
    np.testing.assert_allclose(scores, record["score"][:TAPES], rtol=1e-9)


@pytest.mark.parametrize("name", LINEAR)
def test_the_linear_policy_acts_as_the_network(name):
    network = load_policy(name)
    scenario = network.codec._policy.scenario
    linear = trained_policy_factory(f"pretrained:{name}")(scenario)
    assert isinstance(network, DecodedPolicy)
    assert isinstance(linear, LinearPolicy)
    envs = make_envs(
        read_config(
            {"environment": {"id": pretrained_file(name).description.environment.id}, "codec": {"name": "parameters"}}
        ),
        2,
    )
    observations, _ = envs.reset(seed=5)
    for _ in range(3):
        expected, action = (policy.predict(observations, deterministic=True)[0] for policy in (network, linear))
        for key in expected:
            np.testing.assert_array_equal(expected[key], action[key])
        observations, *_ = envs.step(action)


@pytest.mark.parametrize("name", PRICES)
def test_price_networks_correct_the_constants_that_ship(name):
    """Recipe, file and the policy of constants hold the same parameters."""
    constants = name.replace("prices", "ppo")
    scenario = load_policy(name).codec.policy.scenario
    linear = saved_policy(pretrained_path(constants), scenario).parameters
    recipe = read_config(Path("configs/agents") / f"prices-{name.removesuffix('-prices')}.yaml")
    for description in (recipe, pretrained_file(name).description):
        np.testing.assert_allclose(description.codec.settings["base"], linear, rtol=1e-6)
    own, other = (np.array(pretrained_file(each).about["held_out"]["score"]) for each in (name, constants))
    assert (own - other).mean() > 1.96 * (own - other).std(ddof=1) / np.sqrt(own.size)


def test_actions_beyond_the_space_are_clipped_as_by_the_network(tmp_path):
    """The network's mean action may leave [-1, 1]; Stable-Baselines3 clips it, and so does the linear policy."""
    content = pretrained_file("multi-node-ppo")
    weights = content.weights | {"action_net.bias": np.linspace(-3.0, 3.0, 17, dtype=np.float32)}
    path = tmp_path / "one.safetensors"
    write_policy_file(path, PolicyFile(content.description, weights))
    linear, network = saved_policy(path, load_scenario("multi-node")), load_policy(path)
    assert (np.abs(linear.parameters).max(), (np.abs(linear.parameters) < 4.0).sum()) == (4.0, 5)
    envs = make_envs(read_config({"environment": {"id": "EdgeLLM/MultiNode-v0"}, "codec": {"name": "parameters"}}), 3)
    observations, _ = envs.reset(seed=5)
    expected, action = (policy.predict(observations, deterministic=True)[0] for policy in (network, linear))
    np.testing.assert_array_equal(expected["batch"], action["batch"])


def test_the_weights_of_ars_are_its_action(tmp_path):
    description = pretrained_file("multi-node-ppo").description.model_copy(update={"algorithm": "ars"})
    weights = np.linspace(-1.2, 1.2, 17, dtype=np.float32)
    path = tmp_path / "one.safetensors"
    write_policy_file(path, PolicyFile(description, {"action_net.0.weight": weights[:, None]}))
    linear, network = saved_policy(path, load_scenario("multi-node")), load_policy(path)
    np.testing.assert_allclose(linear.parameters, 4.0 * np.clip(weights, -1.0, 1.0), rtol=1e-6)
    observation = {"backlog": np.zeros((2, 1), np.float32)}
    flat, _ = network.model.predict(network.reader.read(observation), deterministic=True)
    np.testing.assert_array_equal(flat, np.tile(np.clip(weights, -1.0, 1.0), (2, 1)))


def test_compare_takes_the_name_and_the_path(tmp_path):
    path = tmp_path / "own.safetensors"
    path.write_bytes(pretrained_path("single-node-ppo").read_bytes())
    names = ["pretrained:single-node-ppo", str(path)]
    short = {"horizon_epochs": 5}
    table = compare("EdgeLLM/SingleNode-v0", names, seeds=[0], overrides=short, store=tmp_path / "store")
    shipped, own = (table.samples(name, "served_value").tolist() for name in names)
    assert shipped == own
    assert shipped[0] > 0


def test_an_unknown_name_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match="unknown pretrained policy 'multi-node-pop'; did you mean 'multi-node-ppo'"):
        policy_sources(["pretrained:multi-node-pop"])
    with pytest.raises(ValueError, match="unknown pretrained policy"):
        load_policy("multi-node-pop")


def test_another_scenario_is_refused():
    path = pretrained_path("multi-node-ppo")
    with pytest.raises(ConfigError, match="trained on EdgeLLM/MultiNode-v0 with dynamics 'batching', and cannot act"):
        saved_policy(path, load_scenario("early-exit"))
    with pytest.raises(ConfigError, match="holds 17 parameters, and scenario 'single-node' takes 14"):
        saved_policy(path, load_scenario("single-node"))
    with pytest.raises(ConfigError, match=r"multi-node-prices.* does not fit: .* takes a linear policy of 14 numbers"):
        saved_policy(pretrained_path("multi-node-prices"), load_scenario("single-node"))


def test_overrides_that_change_the_dynamics_count(tmp_path):
    """A policy that was trained with them acts in their dynamics, not in those of the own scenario."""
    content = pretrained_file("multi-node-ppo")
    environment = content.description.environment.model_copy(update={"overrides": {"batching": "continuous"}})
    path = tmp_path / "one.safetensors"
    write_policy_file(
        path, PolicyFile(content.description.model_copy(update={"environment": environment}), content.weights)
    )
    assert saved_policy(path, load_scenario("multi-node", {"batching": "continuous"})).parameters.size == 17
    with pytest.raises(ConfigError, match="with dynamics 'continuous_batching', and cannot act"):
        saved_policy(path, load_scenario("multi-node"))


@pytest.mark.parametrize(
    "bias", [np.zeros(3, np.float64), np.zeros((2, 2), np.float32), np.full(17, np.nan, np.float32)]
)
def test_weights_of_another_form_are_refused(tmp_path, bias):
    content = pretrained_file("multi-node-ppo")
    path = tmp_path / "one.safetensors"
    write_policy_file(path, PolicyFile(content.description, {"action_net.bias": bias}))
    with pytest.raises(ConfigError, match="a vector of finite float32 numbers"):
        saved_policy(path, load_scenario("multi-node"))
