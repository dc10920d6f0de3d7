"""Recorded datasets: their steps are those of a plain loop, and their metadata tell how to repeat them."""

import os
import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

pytest.importorskip("minari", reason="datasets need the extra 'data'")

import minari

from edge_llm_gym.cli import app
from edge_llm_gym.cli.record_dataset import default_dataset
from edge_llm_gym.evaluation.datasets import About, dataset_path, record
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.experts import make_expert
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3 import load_policy
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.loading import scenario_data
from tests.equality import assert_same

SINGLE = "EdgeLLM/SingleNode-v0"
SHORT = {"horizon_epochs": 4, "slots": 6}
NAME = "edge-llm-gym/tests/short-v0"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Path:
    """Minari's local store, in a folder of the test."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "store"))
    return tmp_path / "store"


def run(*words, status=0) -> str:
    result = CliRunner().invoke(app, ["record-dataset", *map(str, words)])
    if status == 0:
        assert result.exit_code == 0, result.output + str(result.exception)
        return result.output
    return str(result.exception)


def recorded(environment=SINGLE, policy="edf", seeds=(3, 4), about=None, infos=False, overwrite=False, **settings):
    env = gymnasium.make(environment, **{"overrides": SHORT, **settings})
    source = policy_sources([policy])[0]
    return record(env, source, NAME, seeds, about=about, infos=infos, overwrite=overwrite)


def replayed(env, seed, actions):
    """Observations, rewards, truncations and infos of given actions."""
    observation, info = env.reset(seed=seed)
    steps = [(observation, None, False, info)]
    for action in actions:
        observation, reward, _, truncated, info = env.step(action)
        steps.append((observation, reward, truncated, info))
    return map(list, zip(*steps, strict=True))


def actions_of(episode):
    """The actions of an episode, step by step."""
    if not isinstance(episode.actions, dict):
        return list(episode.actions)
    count = len(episode.rewards)
    return [{key: array[step] for key, array in episode.actions.items()} for step in range(count)]


def assert_replays(dataset, seeds):
    """Every episode follows from its seed and its actions in the recovered environment."""
    env = dataset.recover_environment()
    for episode, seed in zip(dataset.iterate_episodes(), seeds, strict=True):
        observations, rewards, truncations, _ = replayed(env, seed, actions_of(episode))
        assert episode.rewards.tolist() == pytest.approx(rewards[1:])
        assert episode.truncations.tolist() == truncations[1:]
        for step, observation in enumerate(observations):
            found = episode.observations
            keys = observation if isinstance(observation, dict) else {"": observation}
            for key, array in keys.items():
                assert_same(np.asarray((found[key] if key else found)[step]), np.asarray(array))


def test_steps_are_those_of_the_policy_and_replay_in_the_recovered_environment():
    dataset = recorded()
    assert (dataset.total_episodes, dataset.total_steps) == (2, 8)
    assert_replays(dataset, (3, 4))
    env = gymnasium.make(SINGLE, overrides=SHORT)
    expert = make_expert("edf", env)
    for episode, seed in zip(dataset.iterate_episodes(), (3, 4), strict=True):
        observation, _ = env.reset(seed=seed)
        for action in actions_of(episode):
            expected, _ = expert.predict(observation)
            assert_same(action, expected)
            observation, *_ = env.step(expected)


def test_metadata_name_the_policy_the_author_and_the_seeds():
    about = About("Ada Example", "ada@example.org", "https://example.org/code")
    dataset = recorded(policy="edf[overrun_s=0]", seeds=(7, 9), about=about)
    found = dataset.storage.metadata
    assert found["algorithm_name"] == "edf[overrun_s=0]"
    assert (found["author"], found["author_email"]) == ({"Ada Example"}, {"ada@example.org"})
    assert found["code_permalink"] == "https://example.org/code"
    assert [each["seed"] for each in dataset.storage.get_episode_metadata([0, 1])] == [7, 9]
    assert dataset.recover_environment().unwrapped.scenario.slots == SHORT["slots"]


def test_infos_are_stored_in_columns_on_request():
    dataset = recorded("EdgeLLM/SingleNode-MultiDiscrete-v0", seeds=(3,), infos=True)
    episode = next(iter(dataset.iterate_episodes()))
    *_, infos = replayed(dataset.recover_environment(), 3, actions_of(episode))
    assert set(episode.infos) == set(infos[0])
    for key, column in episode.infos.items():
        assert column.tolist() == pytest.approx([info[key] for info in infos])


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ("EdgeLLM/SingleNode-MultiDiscrete-v0", {}),
        ("EdgeLLM/SingleNode-Flat-v0", {"codec": "priority"}),
        ("EdgeLLM/SingleNode-Sequential-v0", {}),
    ],
)
def test_flat_ids_are_recorded_in_their_own_actions(environment, settings):
    dataset = recorded(environment, seeds=(3,), **settings)
    assert dataset.action_space == gymnasium.make(environment, overrides=SHORT, **settings).action_space
    assert_replays(dataset, (3,))
    total = sum(next(iter(dataset.iterate_episodes())).rewards)
    dictionaries = recorded(seeds=(3,), overwrite=True)
    # Codecs round shares of the band, so single requests may differ.
    assert total == pytest.approx(sum(next(iter(dictionaries.iterate_episodes())).rewards), rel=0.2)


def test_a_shipped_policy_acts_alike_on_the_flat_id_of_its_codec():
    name = "single-node-ppo"
    overrides = {"horizon_epochs": 4}
    settings = {"overrides": overrides, "search": "quick"}
    dataset = recorded("EdgeLLM/SingleNode-Flat-v0", f"pretrained:{name}", seeds=(3,), **settings)
    env = gymnasium.make(SINGLE, overrides=overrides)
    policy, rewards = load_policy(name, env), []
    observation, _ = env.reset(seed=3)
    for _ in range(4):
        observation, reward, *_ = env.step(policy.predict(observation, deterministic=True)[0])
        rewards.append(reward)
    assert next(iter(dataset.iterate_episodes())).rewards.tolist() == pytest.approx(rewards)
    with pytest.raises(ValueError, match=r"settings .*'quick'.*record the environment with these"):
        recorded("EdgeLLM/SingleNode-Flat-v0", f"pretrained:{name}", overwrite=True)


def test_a_dataset_is_replaced_only_on_request():
    recorded(seeds=(1,))
    with pytest.raises(ValueError, match="exists in"):
        recorded(seeds=(2,))
    dataset = recorded(seeds=(2, 3), overwrite=True)
    assert [each["seed"] for each in dataset.storage.get_episode_metadata([0, 1])] == [2, 3]


def test_nothing_incomplete_stays(monkeypatch):
    def fail(*_, **__):
        dataset_path(NAME).mkdir(parents=True)
        raise OSError("no space left")

    monkeypatch.setattr(minari, "create_dataset_from_buffers", fail)
    with pytest.raises(OSError, match="no space"):
        recorded()
    assert not dataset_path(NAME).exists()


def test_the_command_prints_the_path(store, tmp_path):
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(yaml.safe_dump(scenario_data(load_scenario("single-node", {"horizon_epochs": 3}))))
    output = run("-e", SINGLE, "-p", "edf", "-n", 2, "--scenario", scenario, "--set", "slots=5", "--first-seed", 8)
    path = store / "edge-llm-gym" / "singlenode" / "edf-v0"
    assert str(path) in output.replace("\n", "")
    dataset = minari.load_dataset("edge-llm-gym/singlenode/edf-v0")
    assert dataset.total_steps == 6
    assert_replays(dataset, (8, 9))
    recovered = dataset.recover_environment().unwrapped.scenario
    assert (recovered.horizon_epochs, recovered.slots) == (3, 5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-e", "EdgeLLM/SingleNode-Flat-v0", "-p", "edf"], "has no inverse.*--codec priority"),
        (["-e", SINGLE, "--codec", "priority"], "a codec goes with a flat id"),
        (["-e", SINGLE, "-p", "edf", "-d", "no version"], "a dataset is named as namespace/name-v0"),
        (["-e", "EdgeLLM/SingelNode-v0"], "unknown environment.*did you mean"),
        (["-e", SINGLE, "-p", "dto-ee"], "does not serve"),
    ],
)
def test_refused_commands_say_what_to_do(words, message):
    assert re.search(message, run(*words, "--set", "horizon_epochs=2", "-n", 1, status=1))


@pytest.mark.parametrize("policy", ["ot-gah+dto-ee", "edf[overrun_s=0]", "runs/a b/best.zip", "pretrained:joint-ppo"])
def test_default_ids_are_accepted_by_minari(policy):
    for environment in ENVIRONMENTS:
        assert os.fspath(dataset_path(default_dataset(environment, policy)))
