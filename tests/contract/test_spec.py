"""Specs are exact and complete: a JSON text from which any process, in any folder, makes the same environment."""

import json
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import yaml
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FlattenObservation, TimeAwareObservation

from edge_llm_gym.codecs.wrappers import CodecWrapper, FlatObservation, SequentialWrapper
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import load_scenario, scenario_names
from edge_llm_gym.scenario.loading import scenario_data
from tests.equality import assert_same

HORIZON = 5
SHORT = {"horizon_epochs": HORIZON}
TRACE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:17:{second:02}.0,{100 + second},50\n" for second in range(20)
)
BOARD = {
    "peak_flops": 20e12,
    "memory_bytes": 48e9,
    "memory_bandwidth_bytes_per_s": 400e9,
    "idle_w": 10.0,
    "busy_w": 90.0,
}


def made_from_json(env):
    """The environment that the JSON text of a spec makes."""
    return gymnasium.make(EnvSpec.from_json(env.spec.to_json()))


def assert_plays_alike(first, second) -> int:
    """Equal trajectories of an episode, truncations included; returns its number of steps."""
    assert_same(first.reset(seed=3)[0], second.reset(seed=3)[0])
    first.action_space.seed(0)
    steps = 0
    while True:
        action, steps = first.action_space.sample(), steps + 1
        one, other = first.step(action), second.step(action)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
        if one[2] or one[3]:
            return steps


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The working directory, with a scenario file, a trace beside it and a row of hardware."""
    monkeypatch.chdir(tmp_path)
    scenario = scenario_data(load_scenario("single-node", SHORT))
    Path("trace.csv").write_text(TRACE, "utf-8")
    Path("board.yaml").write_text(yaml.safe_dump(BOARD), "utf-8")
    scenario["nodes"][0]["hardware"] = "board.yaml"
    scenario["arrivals"] = {"process": "trace", "file": "trace.csv", "rate_per_s": 2.0}
    Path("own.yaml").write_text(yaml.safe_dump(scenario), "utf-8")
    return tmp_path


def test_max_episode_steps_is_the_horizon(environment):
    registered = load_scenario(ENVIRONMENTS[environment]).horizon_epochs
    for overrides in (None, SHORT, {"horizon_epochs": registered + 7}):
        env = gymnasium.make(environment, overrides=overrides)
        horizon = env.unwrapped.scenario.horizon_epochs
        assert env.spec.max_episode_steps == env.unwrapped.spec.max_episode_steps == horizon
        envs = gymnasium.make_vec(environment, 2, vectorization_mode="vector_entry_point", overrides=overrides)
        assert envs.spec.max_episode_steps == horizon
        assert not any(isinstance(wrapper, gymnasium.wrappers.TimeLimit) for wrapper in wrappers_of(env))
    assert horizon == registered + 7


def wrappers_of(env) -> list[gymnasium.Wrapper]:
    found = []
    while isinstance(env, gymnasium.Wrapper):
        found.append(env)
        env = env.env
    return found


def test_truncation_is_the_environments_own_and_that_of_the_spec(environment):
    """A rebuilt environment has Gymnasium's time limit as well, which acts in the same step."""
    env = gymnasium.make(environment, overrides=SHORT)
    again = made_from_json(env)
    assert any(isinstance(wrapper, gymnasium.wrappers.TimeLimit) for wrapper in wrappers_of(again))
    assert again.spec == env.spec
    assert again.unwrapped.scenario == env.unwrapped.scenario
    assert assert_plays_alike(env, again) == HORIZON == env.spec.max_episode_steps


@pytest.mark.parametrize("limit", [2, -1])
def test_a_limit_of_the_call_is_kept(limit):
    env = gymnasium.make("EdgeLLM/SingleNode-v0", overrides=SHORT, max_episode_steps=limit)
    assert env.spec.max_episode_steps == (2 if limit == 2 else HORIZON)
    assert assert_plays_alike(env, made_from_json(env)) == env.spec.max_episode_steps


def test_time_aware_observations_count_to_the_horizon(environment):
    env = TimeAwareObservation(gymnasium.make(environment, overrides=SHORT), flatten=False, normalize_time=True)
    env.reset(seed=0)
    for step in range(HORIZON):
        observation, *_, truncated, _ = env.step(env.action_space.sample())
        assert observation["time"] == pytest.approx((step + 1) / HORIZON)
        assert env.observation_space.contains(observation)
    assert truncated


@pytest.mark.parametrize("name", scenario_names())
def test_data_of_a_scenario_load_as_an_equal_one(name):
    scenario = load_scenario(name)
    assert load_scenario(json.loads(json.dumps(scenario_data(scenario)))) == scenario


SOURCES = {
    "name": (lambda: "single-node", None),
    "name and overrides": (lambda: "single-node", SHORT | {"nodes.0.uplink_hz": np.float64(2e6)}),
    "text": (lambda: "own.yaml", None),
    "path": (lambda: Path("own.yaml"), {"slots": 9}),
    "mapping": (lambda: yaml.safe_load(Path("own.yaml").read_text("utf-8")), None),
    "scenario": (lambda: load_scenario("own.yaml"), None),
    "scenario and overrides": (lambda: load_scenario("single-node"), SHORT),
    "trace in an override": (
        lambda: "single-node",
        SHORT | {"arrivals": {"process": "trace", "file": "trace.csv", "rate_per_s": 2.0}},
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_json_is_complete_for_every_kind_of_scenario_and_any_folder(name, folder, monkeypatch):
    source, overrides = SOURCES[name]
    env = gymnasium.make("EdgeLLM/MultiNode-v0", scenario=source(), overrides=overrides)
    envs = gymnasium.make_vec("EdgeLLM/MultiNode-v0", 2, scenario=source(), overrides=overrides)
    texts = env.spec.to_json(), envs.spec.to_json()
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    (folder / "own.yaml").unlink()
    (folder / "board.yaml").unlink()
    again = gymnasium.make(EnvSpec.from_json(texts[0]))
    rows = gymnasium.make_vec(EnvSpec.from_json(texts[1]))
    assert (again.spec.to_json(), rows.spec.to_json()) == texts
    observation = env.reset(seed=4)[0]
    assert_same(again.reset(seed=4)[0], observation)
    assert_same({key: array[1] for key, array in rows.reset(seed=3)[0].items()}, observation)
    assert "elsewhere" not in texts[0] + texts[1]


def test_a_shipped_scenario_stays_a_name():
    assert gymnasium.make("EdgeLLM/Joint-v0").spec.kwargs == {"scenario": "joint"}


@pytest.mark.parametrize("mode", AutoresetMode)
def test_vector_specs_make_the_same_rows(mode):
    envs = gymnasium.make_vec(
        "EdgeLLM/EarlyExit-v0", 3, max_episode_steps=4, overrides=SHORT, autoreset_mode=mode, render_mode="ansi"
    )
    again = gymnasium.make_vec(EnvSpec.from_json(envs.spec.to_json()))
    assert again.spec == envs.spec
    assert envs.spec.max_episode_steps == 4
    assert (again.num_envs, again.render_mode, again.metadata) == (3, "ansi", envs.metadata)
    for one in (envs, again):
        one.reset(seed=0)
        one.action_space.seed(0)
    for _ in range(4):
        one, other = (each.step(each.action_space.sample()) for each in (envs, again))
        assert_same(one[0], other[0])
    assert one[3].all()
    assert other[3].all()


@pytest.mark.parametrize(
    "wrap",
    [
        FlattenObservation,
        FlatObservation,
        lambda env: CodecWrapper(env, "multidiscrete", levels=3),
        SequentialWrapper,
        lambda env: TimeAwareObservation(FlatObservation(CodecWrapper(env, "box"))),
    ],
)
def test_wrapped_environments_are_made_again(wrap):
    env = wrap(gymnasium.make("EdgeLLM/SingleNode-v0", overrides=SHORT))
    assert assert_plays_alike(env, made_from_json(env)) <= env.spec.max_episode_steps


def test_steps_of_a_sequence_are_within_its_spec():
    """Each of the epochs takes up to N steps: as many as letting every request wait."""
    env = SequentialWrapper(gymnasium.make("EdgeLLM/SingleNode-v0", overrides=SHORT | {"slots": 3}))
    assert env.spec.max_episode_steps == 3 * HORIZON == made_from_json(env).spec.max_episode_steps
    limited = SequentialWrapper(gymnasium.make("EdgeLLM/SingleNode-v0", overrides={"slots": 3}, max_episode_steps=2))
    assert limited.spec.max_episode_steps == 6
    env = TimeAwareObservation(env, flatten=False)
    env.reset(seed=0)
    truncated = False
    while not truncated:
        observation, *_, truncated, _ = env.step(0)
        assert env.observation_space.contains(observation)


def test_environments_without_gymnasiums_make_have_no_spec():
    import edge_llm_gym

    assert edge_llm_gym.EdgeLLMEnv("single-node").spec is None
    assert edge_llm_gym.EdgeLLMVectorEnv(2, "single-node").spec is None


def test_the_checker_of_gymnasium_accepts_the_spec(environment):
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(environment, overrides=SHORT).unwrapped, skip_render_check=True)
