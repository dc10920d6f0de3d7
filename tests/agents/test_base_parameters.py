"""Parameters that a configuration takes from a policy by its name or file."""

import numpy as np
import pytest

from agents.config import read_config
from agents.export import export
from agents.training import train
from edge_llm_gym.sb3.pretrained import pretrained_path
from edge_llm_gym.sb3.saved import saved_policy
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.settings import ConfigError

SHORT = {"environment.overrides": {"slots": 6, "horizon_epochs": 8}, "rows": 8, "steps": 32, "evaluation.seeds": 1}
PPO = {"hyperparameters.n_steps": 4, "hyperparameters.batch_size": 32, "evaluation.expert": "fcfs"}


def base_of(source, **changes) -> list[float]:
    settings = {"base": str(source)}
    mapping = {"environment": {"id": "EdgeLLM/MultiNode-v0"}, "codec": {"name": "prices", "settings": settings}}
    return read_config(mapping, changes).codec.settings["base"]


def test_a_shipped_policy_gives_its_parameters():
    linear = saved_policy(pretrained_path("multi-node-ppo"), load_scenario("multi-node"))
    assert base_of("pretrained:multi-node-ppo") == linear.parameters.tolist()
    assert base_of(pretrained_path("multi-node-ppo")) == linear.parameters.tolist()
    assert base_of("zero") == [0.0] * 17


def test_the_archive_of_a_run_gives_those_of_its_export(tmp_path):
    train(read_config("configs/agents/parameters-multi-node.yaml", SHORT | PPO), tmp_path / "run")
    export(tmp_path / "run" / "model.zip", tmp_path / "one.safetensors", tapes=0)
    found = base_of(tmp_path / "run" / "model.zip")
    assert found == base_of(tmp_path / "one.safetensors")
    assert np.any(found)


def test_what_gives_no_parameters_is_refused(tmp_path):
    train(read_config("configs/agents/ppo-multi-node.yaml", SHORT | PPO | {"steps": 0}), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"base: .* holds a policy that is not constant"):
        base_of(tmp_path / "run" / "model.zip")
    with pytest.raises(ConfigError, match=r"base: unknown pretrained policy 'multi-node-pop'"):
        base_of("pretrained:multi-node-pop")
    with pytest.raises(ConfigError, match=r"base: .*missing.zip"):
        base_of("missing.zip")
    with pytest.raises(ConfigError, match=r"base: .* holds 17 parameters, and scenario 'single-node' takes 14"):
        base_of("pretrained:multi-node-ppo", **{"environment.id": "EdgeLLM/SingleNode-v0"})
