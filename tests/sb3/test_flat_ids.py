"""Unmodified Stable-Baselines3 on flat ids: training by id, evaluation of experts, and models back in `compare`."""

import gymnasium
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_masked
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs.wrappers import EncodedPolicy
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.experts import make_expert
from edge_llm_gym.sb3 import DecodedPolicy

MULTI = "EdgeLLM/MultiNode-v0"
SIZE = {"slots": 6, "horizon_epochs": 4}


def small() -> dict:
    """A fresh dictionary, since the library writes into `policy_kwargs`."""
    return {"policy_kwargs": {"net_arch": [4]}, "seed": 0, "device": "cpu"}


def made(form: str, **settings) -> gymnasium.Env:
    return gymnasium.make(f"EdgeLLM/MultiNode-{form}-v0", overrides=SIZE, **settings)


def test_ppo_learns_by_the_id_alone():
    model = PPO("MlpPolicy", "EdgeLLM/MultiNode-Flat-v0", n_steps=128, batch_size=128, **small())
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(256)
    assert model.num_timesteps == 256
    assert any(not bool((old == new).all()) for old, new in zip(before, model.policy.parameters(), strict=True))
    assert {info["l"] for info in model.ep_info_buffer} == {100}


def test_monitor_keeps_numbers_of_the_info():
    env = Monitor(made("Flat"), info_keywords=("total_served", "total_late"))
    env.reset(seed=0)
    for _ in range(4):
        *_, info = env.step(env.action_space.sample())
    assert info["episode"]["total_served"] == info["total_served"] == pytest.approx(info["episode"]["r"])


@pytest.mark.parametrize("form", ["MultiDiscrete", "Sequential"])
def test_evaluation_gives_the_return_of_the_expert(form):
    venv = DummyVecEnv([lambda: Monitor(made(form)) for _ in range(2)])
    venv.seed(7)
    expert = make_expert("edf", venv)
    rewards, _ = evaluate_policy(EncodedPolicy(expert, venv), venv, n_eval_episodes=2, return_episode_rewards=True)
    plain = gymnasium.make(MULTI, overrides=SIZE)
    expected = [run_episode(plain, make_expert("edf", plain), seed)["reward"] for seed in (7, 8)]
    assert sorted(rewards) == sorted(expected)
    assert len(set(expected)) == 2


def trained(form: str):
    if form == "Sequential":
        return DQN("MlpPolicy", made(form), buffer_size=8, **small() | {"seed": 4}), False
    if form == "MultiDiscrete":
        return MaskablePPO("MlpPolicy", made(form), n_steps=8, batch_size=8, **small()), True
    return PPO("MlpPolicy", made(form), n_steps=8, batch_size=8, **small()), False


CODECS = {"Flat": "parameters", "MultiDiscrete": "multidiscrete", "Sequential": "sequential"}


@pytest.mark.parametrize("form", CODECS)
def test_a_model_of_any_flat_id_has_the_same_return_as_a_policy(form):
    model, masked = trained(form)
    venv = make_vec_env(lambda: made(form), seed=3)
    evaluate = evaluate_masked if masked else evaluate_policy
    (reward,), _ = evaluate(model, venv, n_eval_episodes=1, return_episode_rewards=True)
    plain = gymnasium.make(MULTI, overrides=SIZE)
    policy = DecodedPolicy(model, plain, CODECS[form])
    assert run_episode(plain, policy, 3)["reward"] == pytest.approx(reward, abs=1e-9)
    assert reward > 0
