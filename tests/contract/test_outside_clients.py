"""Unmodified clients that were written for other environments work on these environments."""

import warnings

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs.wrappers import CodecWrapper, EncodedPolicy, FlatObservation, SequentialWrapper
from edge_llm_gym.experts import make_expert

pytest.importorskip("stable_baselines3", reason="the clients are those of Stable-Baselines3")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:stable_baselines3")

SINGLE, MULTI, STREAM = "EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0", "EdgeLLM/EarlyExit-v0"


def flat(environment, codec, **settings):
    return FlatObservation(CodecWrapper(gymnasium.make(environment), codec, **settings))


@pytest.mark.parametrize(
    "make",
    [
        lambda: flat(MULTI, "multidiscrete", levels=4),
        lambda: flat(MULTI, "box"),
        lambda: flat(MULTI, "priority", caps=True),
        lambda: flat(SINGLE, "priced"),
        lambda: flat(STREAM, "multidiscrete"),
        lambda: flat(STREAM, "box"),
        lambda: FlatObservation(SequentialWrapper(gymnasium.make(MULTI))),
    ],
)
def test_stable_baselines_check_passes(make):
    from stable_baselines3.common.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(), skip_render_check=True)


@pytest.mark.parametrize("environment", [SINGLE, MULTI])
def test_evaluate_policy_accepts_an_expert(environment):
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.monitor import Monitor

    env = CodecWrapper(gymnasium.make(environment, overrides={"horizon_epochs": 20}), "priority")
    mean, _ = evaluate_policy(EncodedPolicy(make_expert("edf", env), env.codec), Monitor(env), n_eval_episodes=2)
    assert mean > 0


@pytest.mark.parametrize(
    ("algorithm", "make"),
    [
        ("PPO", lambda: flat(MULTI, "priority")),
        ("PPO", lambda: CodecWrapper(gymnasium.make(SINGLE), "multidiscrete")),
        ("A2C", lambda: flat(SINGLE, "priced")),
        ("SAC", lambda: flat(STREAM, "box")),
        ("TD3", lambda: flat(SINGLE, "priority", caps=True)),
        ("DQN", lambda: FlatObservation(SequentialWrapper(gymnasium.make(SINGLE)))),
    ],
)
def test_algorithms_learn_on_wrapped_environments(algorithm, make):
    import stable_baselines3

    env = make()
    is_dict = isinstance(env.observation_space, gymnasium.spaces.Dict)
    off_policy = {"learning_starts": 8, "buffer_size": 64, "batch_size": 8, "train_freq": 8}
    settings = off_policy if algorithm in {"SAC", "TD3", "DQN"} else {"n_steps": 16}
    policy = "MultiInputPolicy" if is_dict else "MlpPolicy"
    settings["policy_kwargs"] = {"net_arch": [8]}
    model = getattr(stable_baselines3, algorithm)(policy, env, seed=0, device="cpu", **settings)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(32)
    assert model.num_timesteps == 32
    changed = [not bool((old == new).all()) for old, new in zip(before, model.policy.parameters(), strict=True)]
    assert any(changed), "the client learned nothing"


def test_maskable_ppo_respects_the_masks():
    contrib = pytest.importorskip("sb3_contrib", reason="MaskablePPO is part of sb3-contrib")
    from sb3_contrib.common.maskable.evaluation import evaluate_policy

    for env in (SequentialWrapper(gymnasium.make(MULTI)), CodecWrapper(gymnasium.make(MULTI), "multidiscrete")):
        model = contrib.MaskablePPO("MlpPolicy", FlatObservation(env), n_steps=16, batch_size=16, seed=0, device="cpu")
        model.learn(32)
        observation, _ = env.reset(seed=0)
        for _ in range(20):
            mask = env.action_masks()
            vector = FlatObservation.observation(model.env.envs[0].env, observation)
            action, _ = model.predict(vector, action_masks=mask)
            if isinstance(env, SequentialWrapper):
                assert mask[action]
            else:
                assert np.take_along_axis(mask.reshape(action.size, -1), action[:, None], axis=1).all()
            observation, *_ = env.step(action)
    small = gymnasium.make(SINGLE, overrides={"horizon_epochs": 5})
    model = contrib.MaskablePPO("MultiInputPolicy", SequentialWrapper(small), n_steps=16, batch_size=16, device="cpu")
    mean, _ = evaluate_policy(model, model.get_env(), n_eval_episodes=1)
    assert mean >= 0


@pytest.mark.parametrize("mode", ["sync", "async", "vector_entry_point"])
@pytest.mark.parametrize("environment", [MULTI, STREAM])
def test_every_way_to_make_a_vector(environment, mode):
    settings = {"vector_kwargs": {"context": "spawn"}} if mode == "async" else {}
    envs = gymnasium.make_vec(environment, num_envs=2, vectorization_mode=mode, **settings)
    try:
        observation, _ = envs.reset(seed=0)
        alone, _ = gymnasium.make(environment).reset(seed=1)
        for key, value in alone.items():
            np.testing.assert_array_equal(observation[key][1], value)
        envs.action_space.seed(0)
        _, reward, *_ = envs.step(envs.action_space.sample())
        assert reward.shape == (2,)
    finally:
        envs.close()


@pytest.mark.parametrize("environment", [MULTI, STREAM])
def test_record_episode_statistics(environment):
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make(environment, overrides={"horizon_epochs": 5}))
    env.reset(seed=0)
    env.action_space.seed(0)
    rewards, truncated = [], False
    while not truncated:
        _, reward, _, truncated, info = env.step(env.action_space.sample())
        rewards.append(reward)
    assert info["episode"]["l"] == 5
    assert info["episode"]["r"] == pytest.approx(sum(rewards))


@pytest.mark.parametrize("environment", [SINGLE, STREAM])
def test_record_video(environment, tmp_path):
    pytest.importorskip("moviepy", reason="RecordVideo writes its files with moviepy")
    env = gymnasium.make(environment, overrides={"horizon_epochs": 3}, render_mode="rgb_array")
    env = gymnasium.wrappers.RecordVideo(env, str(tmp_path / "videos"))
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    env.close()
    assert list(tmp_path.glob("videos/*.mp4"))
