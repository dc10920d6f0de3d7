"""Runs of constant parameters: groups, schedules, noise per rollout, and loading what they write."""

import numpy as np
import pytest

from agents.models import make_model
from agents.training import make_env, train
from edge_llm_gym.sb3 import load_policy
from edge_llm_gym.settings import ConfigError

CONSTANT = {
    "codec": {"name": "parameters"},
    "rows": 6,
    "group": 3,
    "steps": 48,
    "hyperparameters": {"n_steps": 4, "batch_size": 24, "learning_rate": {"from": 0.1, "to": 0.0}},
}


@pytest.mark.parametrize("noise", ["step", "rollout"])
def test_a_loaded_policy_acts_with_the_trained_parameters(tiny, tmp_path, noise):
    config = tiny(**CONSTANT, policy={"kind": "constant", "noise": noise})
    model = train(config, tmp_path / "run")
    learned = model.policy.action_net.bias.detach().numpy() * config.policy.gain
    assert learned.any()
    env = make_env(config)
    observation, _ = env.envs.reset(seed=4)
    loaded = load_policy(tmp_path / "run" / "model.zip", env.envs)
    action, _ = loaded.predict(observation, deterministic=True)
    expected = env.codec.decode(np.clip(np.tile(learned, (6, 1)), -1, 1).astype(np.float32), observation)
    for key, array in expected.items():
        np.testing.assert_array_equal(action[key], array)


def test_noise_per_rollout_keeps_the_parameters_of_a_row_for_a_rollout(tiny):
    config = tiny(**CONSTANT, policy={"kind": "constant", "noise": "rollout"})
    env = make_env(config)
    model, taken = make_model(config, env, env.envs.scenario), []
    step = env.step_async
    env.step_async = lambda actions: taken.append(actions.copy()) or step(actions)
    model.learn(48)
    first, second = np.array(taken[:4]), np.array(taken[4:8])
    assert (first == first[0]).all()
    assert (second == second[0]).all()
    assert not np.array_equal(first[0], second[0])
    assert np.ptp(first[0], axis=0).all()  # rows differ


def test_a_schedule_falls_linearly_over_the_run(tiny):
    config = tiny(**CONSTANT, policy={"kind": "constant"})
    env = make_env(config)
    model, rates = make_model(config, env, env.envs.scenario), []
    learn = model.train
    model.train = lambda: (learn(), rates.append(model.policy.optimizer.param_groups[0]["lr"]))
    model.learn(48)
    assert rates == pytest.approx([0.05, 0.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": 4}, "group must divide rows 6, got 4"),
        ({"algorithm": "sac", "policy": {"kind": "mlp"}}, "groups fork at the start of a rollout"),
        ({"algorithm": "sac", "group": 1, "policy": {"kind": "constant"}}, "algorithm 'sac' has no constant policy"),
    ],
)
def test_configurations_that_contradict_themselves_are_refused(tiny, changes, message):
    with pytest.raises(ConfigError, match=message):
        tiny(**{**CONSTANT, "policy": {"kind": "constant"}, **changes})


def test_other_mappings_are_no_schedules(tiny):
    config = tiny(**{**CONSTANT, "hyperparameters": {"learning_rate": {"begin": 1.0}}}, policy={"kind": "constant"})
    env = make_env(config)
    with pytest.raises(ConfigError, match=r"hyperparameters.learning_rate: a schedule is \{from: number, to: number\}"):
        make_model(config, env, env.envs.scenario)


@pytest.mark.filterwarnings("ignore:.*holds pickles")
def test_a_resumed_run_repeats_the_uninterrupted_one(tiny, tmp_path):
    sections = {**CONSTANT, "hyperparameters": {"n_steps": 4, "batch_size": 24}, "checkpoint_every": 24}
    whole = tiny(**sections, policy={"kind": "constant"})
    expected = train(whole, tmp_path / "whole").policy.action_net.bias.detach().numpy()
    train(tiny(**{**sections, "steps": 24}, policy={"kind": "constant"}), tmp_path / "half")
    resumed = train(whole, tmp_path / "half", start="resume").policy.action_net.bias.detach().numpy()
    np.testing.assert_array_equal(resumed, expected)
