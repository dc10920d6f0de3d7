"""Archives of Stable-Baselines3: the algorithm is found without unpickling, models act and are compared by path."""

import json
import zipfile

import gymnasium
import numpy as np
import pytest
from sb3_contrib import QRDQN, TQC, TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from typer.testing import CliRunner

from edge_llm_gym.cli import app
from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.identity import policy_identity
from edge_llm_gym.evaluation.model_archive import ModelArchive
from edge_llm_gym.evaluation.policies import PolicySource, policy_sources, with_codec
from edge_llm_gym.sb3 import DecodedPolicy, load_model
from edge_llm_gym.sb3.plain_archives import algorithm_of
from edge_llm_gym.settings import ConfigError

SIZE = {"slots": 4, "horizon_epochs": 3}
SINGLE = "EdgeLLM/SingleNode-v0"
TRUST = "holds pickles, which can run code: load only files that you trust"
pytestmark = pytest.mark.filterwarnings("ignore:.*holds pickles")


def small() -> dict:
    """A fresh dictionary, since the library writes into `policy_kwargs`."""
    return {"policy_kwargs": {"net_arch": [4]}, "seed": 0, "device": "cpu"}


def flat(form: str = "Flat", **settings) -> gymnasium.Env:
    return gymnasium.make(f"EdgeLLM/SingleNode-{form}-v0", overrides=SIZE, **settings)


@pytest.fixture
def archive(tmp_path) -> str:
    path = tmp_path / "mine" / "model.zip"
    path.parent.mkdir()
    PPO("MlpPolicy", flat(codec="priority", caps=True), **small()).save(path)
    return str(path)


SAVED = {
    PPO: "Flat",
    A2C: "MultiDiscrete",
    TRPO: "Flat",
    DQN: "Sequential",
    QRDQN: "Sequential",
    SAC: "Flat",
    TD3: "Flat",
    TQC: "Flat",
    MaskablePPO: "MultiDiscrete",
}


@pytest.mark.parametrize("algorithm", SAVED, ids=lambda each: each.__name__)
def test_the_algorithm_is_found(algorithm, tmp_path):
    algorithm("MlpPolicy", flat(SAVED[algorithm]), **small()).save(tmp_path / "model.zip")
    package = algorithm.__module__.split(".")[0]
    assert algorithm_of(tmp_path / "model.zip") == f"{package}:{algorithm.__name__}"


def test_the_algorithm_of_a_recurrent_policy_is_found(tmp_path):
    size = {"lstm_hidden_size": 4, "net_arch": [4]}
    RecurrentPPO("MlpLstmPolicy", flat(), n_steps=8, device="cpu", policy_kwargs=size).save(tmp_path / "model.zip")
    assert algorithm_of(tmp_path / "model.zip") == "sb3_contrib:RecurrentPPO"


def test_a_loaded_model_acts_as_the_saved_one(archive):
    env = gymnasium.make(SINGLE, overrides=SIZE)
    with pytest.warns(UserWarning, match=TRUST):
        loaded = load_model(archive, env, "priority", caps=True)
    own = DecodedPolicy(PPO.load(archive), env, "priority", caps=True)
    observation, _ = env.reset(seed=1)
    for _ in range(3):
        expected, got = (policy.predict(observation, deterministic=True)[0] for policy in (own, loaded))
        np.testing.assert_array_equal(expected["batch"], got["batch"])
        observation, *_ = env.step(got)


def test_compare_takes_archives_and_keeps_their_episodes(archive, tmp_path):
    arguments = (SINGLE, [ModelArchive(archive, "priority", {"caps": True}), "edf"], range(2))
    first = compare(*arguments, overrides=SIZE, store=tmp_path / "store")
    assert first.policies.count(archive) == 1
    again = compare(*arguments, overrides=SIZE, store=tmp_path / "store")
    assert again.mean(archive, "reward").mean == first.mean(archive, "reward").mean
    PPO("MlpPolicy", flat(codec="priority", caps=True), **small() | {"seed": 1}).save(archive)
    with pytest.raises(ValueError, match="has changed"):
        compare(*arguments, overrides=SIZE, store=tmp_path / "store")


def test_the_codec_and_its_settings_identify_a_policy(archive):
    made = [ModelArchive(archive, codec, {"caps": caps}) for codec in ("priority", "priced") for caps in (True, False)]
    identities = [policy_identity(PolicySource("one", each)) for each in made]
    assert all(identities.count(each) == 1 for each in identities)
    assert json.loads(json.dumps(identities)) == identities


def test_the_command_takes_a_codec(archive, tmp_path):
    size = [word for key, value in SIZE.items() for word in ("--set", f"{key}={value}")]
    words = ["compare", "-e", SINGLE, "-p", archive, "--codec", "priority[caps=true]", "-n", "1", *size]
    result = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    policies = json.loads((tmp_path / "out" / "comparison.json").read_text())["policies"]
    assert [each["policy"] for each in policies] == [archive]
    assert (tmp_path / "out" / "timeline-mine-model.zip.png").is_file()


def test_only_plain_archives_take_the_codec(archive):
    names = with_codec([archive, "edf"], "priority[caps=true]")
    assert names == [ModelArchive(archive, "priority", {"caps": True}), "edf"]
    assert [source.name for source in policy_sources(names)] == [archive, "edf"]
    assert with_codec(["edf"], None) == ["edf"]
    with pytest.raises(ValueError, match=r"a codec goes with the archive of a model .* got codec 'priority'"):
        with_codec(["edf"], "priority")
    with pytest.raises(ConfigError, match="named with its codec: compare --codec"):
        policy_sources([archive])


def test_damaged_files_and_unknown_classes_are_refused_without_unpickling(archive, tmp_path):
    env = gymnasium.make(SINGLE, overrides=SIZE)
    with pytest.raises(ValueError, match="there is no archive at"):
        ModelArchive(str(tmp_path / "none.zip"), "priority")
    text = tmp_path / "text.zip"
    text.write_text("no archive", "utf-8")
    with pytest.raises(ConfigError, match=r"text\.zip is no archive of Stable-Baselines3"):
        load_model(text, env)
    for name, data in {"list": [1], "own": {"policy_class": {"__module__": "mine"}}, "none": {}}.items():
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as file:
            file.writestr("data", json.dumps(data))
        with pytest.raises(ConfigError, match=r"no archive|wrap it in DecodedPolicy"):
            load_model(tmp_path / f"{name}.zip", env)
    with pytest.raises(ConfigError, match=r"does not fit: the model acts in"):
        load_model(archive, env, "box")
