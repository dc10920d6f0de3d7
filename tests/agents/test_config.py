"""Configurations: errors and their texts, overrides, and the round trip through a file."""

from pathlib import Path

import pytest

from agents.config import read_config, write_config
from agents.models import make_model
from agents.search import Search, read_search_config
from agents.training import make_env
from edge_llm_gym.sb3.algorithms import ALGORITHMS
from edge_llm_gym.sb3.description import HAS_SET_POLICY
from edge_llm_gym.sb3.description import MIXERS as MIXER_NAMES
from edge_llm_gym.sb3.encoder import MIXERS
from edge_llm_gym.settings import ConfigError

FILES = sorted((Path(__file__).parents[2] / "configs" / "agents").glob("*.yaml"))
RECIPES = [path for path in FILES if not path.stem.startswith("search-")]
SEARCHES = [path for path in FILES if path.stem.startswith("search-")]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"algoritm": "ppo"}, "algoritm: unknown key 'algoritm'; did you mean 'algorithm'"),
        ({"policy": {"widht": 8}}, "policy.widht: unknown key 'widht'; did you mean 'width'"),
        ({"imitation": {"expert": "edf", "pases": 3}}, "imitation.pases: unknown key 'pases'; did you mean 'passes'"),
        ({"algorithm": "pop"}, "unknown algorithm 'pop'; did you mean 'ppo'"),
        ({"policy": {"mixer": "atention"}}, "unknown mixer 'atention'; did you mean 'attention'"),
        ({"environment": {"id": "EdgeLLM/MultiNod-v0"}}, "did you mean 'EdgeLLM/MultiNode-v0'"),
        ({"environment": {}}, "environment.id: this key is required"),
        ({"rows": 0}, "rows: this number must be from 1 to 1e.12 .got 0."),
        ({"rows": True}, "rows: a number is expected, not a truth value"),
        ({"policy": {"log_std": 1e308}}, "policy.log_std: this number must be from -20 to 20"),
        ({"algorithm": "sac"}, "'sac' has no set-structured policy"),
    ],
)
def test_errors_name_the_key_and_the_rule(tiny, sections, message):
    with pytest.raises(ConfigError, match=message):
        tiny(**sections)


def test_a_hyperparameter_must_be_the_algorithms_own(tiny):
    config = tiny(hyperparameters={"n_step": 4})
    with pytest.raises(ConfigError, match=r"hyperparameters.n_step: algorithm 'ppo'.*did you mean 'n_steps'"):
        make_model(config, env := make_env(config), env.envs.scenario)


def test_an_algorithm_must_take_the_actions(tiny):
    config = tiny(algorithm="dqn", policy={"kind": "mlp"}, hyperparameters={})
    with pytest.raises(ConfigError, match=r"'dqn' takes actions of kind \['Discrete'\].*makes Box.*'sac'"):
        make_model(config, env := make_env(config), env.envs.scenario)


def test_a_constant_policy_must_take_the_actions(tiny):
    config = tiny(policy={"kind": "constant"}, codec={"name": "multidiscrete"}, hyperparameters={})
    with pytest.raises(ConfigError, match=r"'multidiscrete' makes MultiDiscrete; choose codec 'parameters'"):
        make_model(config, env := make_env(config), env.envs.scenario)


def test_an_unknown_codec_is_refused(tiny):
    with pytest.raises(ConfigError, match="codec"):
        make_env(tiny(codec={"name": "prioriti"}))


def test_files_are_checked(tmp_path):
    with pytest.raises(ConfigError, match="no configuration file"):
        read_config(tmp_path / "none.yaml")
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match="a mapping at its top, got list"):
        read_config(path)


def test_changes_go_by_dotted_path(tiny):
    data = tiny().model_dump(mode="json")
    changed = read_config(data, {"policy.width": 5, "hyperparameters.gamma": 0.5})
    assert changed.policy.width == 5
    assert changed.hyperparameters == data["hyperparameters"] | {"gamma": 0.5}
    with pytest.raises(ConfigError, match="addresses a key of a plain value"):
        read_config(data, {"steps.more": 1})


def test_a_written_configuration_reads_back_the_same(tiny, tmp_path):
    config = tiny(imitation={"expert": "edf"})
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config


def test_names_in_descriptions_are_those_of_the_tables():
    assert {name: algorithm.set_policy is not None for name, algorithm in ALGORITHMS.items()} == HAS_SET_POLICY
    assert tuple(MIXERS) == MIXER_NAMES


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_every_recipe_of_a_search_finds_the_parameters_of_the_recipe_of_ppo(path):
    search = Search(read_search_config({"rows": 1}, path))
    ppo = read_config(path.with_stem(path.stem.replace("search", "parameters")), {"rows": 16})
    codec = make_env(ppo).codec
    assert search.config.environment == ppo.environment.id
    assert search.begin().mean.shape == codec.space.shape
    assert search.config.search == ppo.codec.settings.get("search", "exact")
    search.close()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_makes_a_model(path):
    changes = {"rows": 8, "group": 1}
    if "n_steps" in path.read_text():
        changes["hyperparameters.n_steps"] = 256
    if "batch_size" in path.read_text():
        changes["hyperparameters.batch_size"] = 512
    config = read_config(path, changes)
    env = make_env(config)
    model = make_model(config, env, env.envs.scenario)
    assert model.action_space == env.codec.space
