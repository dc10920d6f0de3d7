"""Export of a run: the file acts as the archive, and its record holds the scores that the file reaches."""

import gymnasium
import numpy as np
import pytest

from agents.evaluation import evaluate, expert_scores, make_envs
from agents.export import export, summary
from agents.training import train
from edge_llm_gym.sb3 import load_policy
from edge_llm_gym.sb3.policy_file import read_policy_file
from edge_llm_gym.sb3.saved import saved_policy
from scripts import export as script


@pytest.fixture
def run(tiny, tmp_path):
    """Configuration and archive of a short run with a set network."""
    config = tiny(steps=12)
    train(config, tmp_path / "run")
    return config, tmp_path / "run" / "model.zip"


def test_a_file_acts_as_the_archive_of_the_run(run, tmp_path):
    config, archive = run
    export(archive, tmp_path / "one.safetensors", tapes=0)
    envs = make_envs(config, 2)
    policies = [load_policy(archive, envs), saved_policy(tmp_path / "one.safetensors", envs.scenario)]
    observations, _ = envs.reset(seed=4)
    for _ in range(4):
        expected, action = (policy.predict(observations, deterministic=True)[0] for policy in policies)
        for key in expected:
            np.testing.assert_array_equal(expected[key], action[key])
        observations, *_ = envs.step(action)


def test_the_record_holds_training_and_scores(run, tmp_path):
    config, archive = run
    content = export(archive, tmp_path / "one.safetensors", experts=["edf", "sjf"], tapes=3, first_tape=70)
    assert content.about["training"]["rows"] == 3
    assert content.about["training"]["hyperparameters"]["n_steps"] == 4
    envs = make_envs(config, 3)
    own = evaluate(envs, load_policy(archive, envs), 70).score
    assert content.about["held_out"] == {"first_tape": 70, "score": own.tolist()}
    held_out = config.evaluation.model_copy(update={"seeds": 3, "first_seed": 70})
    edf = expert_scores(config.model_copy(update={"evaluation": held_out}), "edf").score
    assert content.about["experts"]["edf"]["score"] == edf.tolist()
    assert content.about["experts"]["edf"]["difference"]["mean"] == pytest.approx((own - edf).mean())
    assert [line.split()[0] for line in summary(content)] == ["3", "edf", "sjf"]


def test_the_script_writes_the_file_and_refuses_another_ending(run, tmp_path, capsys):
    out = tmp_path / "one.safetensors"
    assert script.main([str(run[1]), "--out", str(out), "--tapes", "2", "--against", "edf"]) == 0
    assert "2 tapes from seed 3000000: score" in capsys.readouterr().out
    assert read_policy_file(out).description.codec.name == "priority"
    assert script.main([str(run[1]), "--out", str(tmp_path / "one.zip")]) == 2
    assert "ends in .safetensors" in capsys.readouterr().err


def test_a_file_of_a_network_takes_environments_of_other_sizes(run, tmp_path):
    export(run[1], tmp_path / "one.safetensors", tapes=0)
    env = gymnasium.make("EdgeLLM/SingleNode-v0", overrides={"slots": 9})
    observation, _ = env.reset(seed=0)
    action, _ = load_policy(tmp_path / "one.safetensors", env).predict(observation)
    env.step({key: value.astype(env.action_space[key].dtype) for key, value in action.items()})
