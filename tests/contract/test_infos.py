"""Infos of resets and steps have one structure, so that recorders can store them in columns."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from edge_llm_gym.codecs.wrappers import CodecWrapper, FlatObservation, SequentialWrapper
from edge_llm_gym.sim.outcomes import EMPTY
from tests.contract.conftest import DYNAMICS, make_rows

HORIZON = 3
SETTINGS = {"overrides": {"horizon_epochs": HORIZON}}
PREDICTED = {"overrides": {"horizon_epochs": HORIZON, "lengths.prediction.sigma": 0.5}}


def structure(info):
    """Keys, types, and shapes and dtypes of arrays. Fails for values that a column cannot hold, None among them."""
    if isinstance(info, dict):
        return {key: structure(value) for key, value in info.items()}
    if isinstance(info, np.ndarray):
        assert info.dtype != object
        return info.shape, info.dtype
    assert type(info) in (int, float, bool), info
    return type(info)


def infos_of(env, episodes: int = 2):
    """The infos of the resets and steps of some episodes."""
    env.action_space.seed(0)
    for episode in range(episodes):
        yield env.reset(seed=episode)[1]
        truncated = False
        while not truncated:
            *_, truncated, info = env.step(env.action_space.sample())
            yield info


@pytest.mark.parametrize("settings", [SETTINGS, PREDICTED])
def test_infos_of_resets_and_steps_have_one_structure(environment, settings):
    if settings is PREDICTED and DYNAMICS[environment] == "streaming":
        pytest.skip("streaming dynamics have no output lengths")
    first, *others = map(structure, infos_of(gymnasium.make(environment, **settings)))
    assert len(others) == 2 * (HORIZON + 1) - 1
    for other in others:
        assert other == first
    if settings is PREDICTED:
        assert first["slots"]["evicted"] == first["slots"]["expired"]


@pytest.mark.parametrize(
    "wrap", [FlatObservation, lambda env: CodecWrapper(env, "multidiscrete", levels=3), SequentialWrapper]
)
def test_wrappers_keep_the_structure(wrap):
    plain = structure(next(infos_of(gymnasium.make("EdgeLLM/SingleNode-v0", **SETTINGS))))
    if wrap is SequentialWrapper:
        plain |= {"epoch_begins": bool}
    assert all(structure(info) == plain for info in infos_of(wrap(gymnasium.make("EdgeLLM/SingleNode-v0", **SETTINGS))))


@pytest.mark.parametrize("mode", AutoresetMode)
def test_infos_of_vectors_have_the_structure_of_single_ones(environment, mode):
    """With Gymnasium's masks; `final_obs` and `final_info` are there only in steps that end episodes."""
    envs = make_rows(environment, 2, autoreset_mode=mode, **SETTINGS)
    single = structure(next(infos_of(gymnasium.make(environment, **SETTINGS))))
    _, info = envs.reset(seed=0)
    for _ in range(HORIZON + 2):
        info.pop("final_obs", None)
        for own in (info, info.pop("final_info", info)):
            assert of_row(structure({key: value for key, value in own.items() if "final" not in key})) == single
        *_, truncated, info = envs.step(envs.action_space.sample())
        if mode is AutoresetMode.DISABLED and truncated.any():
            _, info = envs.reset(options={"reset_mask": truncated})


def of_row(tree):
    """The structure of one row of a vector's info; masks [2] bool are checked and dropped."""
    row = {}
    for key, value in tree.items():
        if key.startswith("_"):
            assert value == ((2,), np.dtype(bool))
        elif isinstance(value, dict):
            row[key] = of_row(value)
        else:
            (_, *shape), dtype = value
            plain = {"i": int, "f": float, "b": bool}[dtype.kind]
            row[key] = (tuple(shape), dtype) if shape else plain
        assert key.startswith("_") or f"_{key}" in tree
    return row


def test_a_reset_reports_no_epoch(environment):
    """Also after an episode: rewards are 0, slots are empty and nodes idle; tape and first arrivals are real."""
    env = gymnasium.make(environment, **SETTINGS)
    infos = list(infos_of(env))
    for info in (infos[0], infos[HORIZON + 1]):
        assert set(info["rewards"].values()) == {0.0}
        assert info["totals"] == info["metrics"]
        assert info["tape"]["requests"] > 0
        for key, array in info.get("slots", {}).items():
            assert (array == (-1 if key == "request" else EMPTY)).all(), key
        for key, array in info.get("nodes", {}).items():
            assert (array == 0).all(), key
    assert any(info["rewards"] != infos[0]["rewards"] for info in infos)
    assert [info["tape"] for info in infos[: HORIZON + 1]] == [infos[0]["tape"]] * (HORIZON + 1)
    assert infos[HORIZON + 1]["tape"] != infos[0]["tape"]


def test_sums_over_the_steps_of_a_sequence_count_an_epoch_once():
    overrides = {"overrides": {"horizon_epochs": HORIZON, "slots": 6}}
    env, sums, within = SequentialWrapper(gymnasium.make("EdgeLLM/SingleNode-v0", **overrides)), {}, 0
    for info in infos_of(env, episodes=1):
        for name in ("served", "arrived", "admitted"):
            sums[name] = sums.get(name, 0.0) + info["metrics"][name]
        empty = (info["slots"]["request"] == -1).all() and not any(info["metrics"].values())
        assert info["epoch_begins"] or empty
        within += empty
    assert sums == {name: info["totals"][name] for name in sums}
    assert sums["admitted"] > 0
    assert within > HORIZON


def recorded(env, minari, options):
    """Two episodes through Minari's recorder: the dataset, and what the environment returned."""
    collector, played = minari.DataCollector(env, record_infos=True), []
    env.action_space.seed(0)
    for _ in range(2):
        _, info = collector.reset(options=options)
        played.append([info])
        truncated = False
        while not truncated:
            *_, truncated, info = collector.step(env.action_space.sample())
            played[-1].append(info)
    dataset = collector.create_dataset("edge-llm/infos-v0")
    collector.close()
    return dataset, played


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wrap", [lambda env: env, SequentialWrapper])
@pytest.mark.parametrize("options", [None, {"minari_autoseed": False}])
def test_minari_records_infos(environment, wrap, options, tmp_path, monkeypatch):
    """Needs JAX, which Minari's recorder imports; the extra `data` brings it."""
    minari = pytest.importorskip("minari", reason="needs the extra 'data'")
    pytest.importorskip("jax", reason="Minari's recorder needs the extra 'data'")
    if wrap is SequentialWrapper and environment != "EdgeLLM/SingleNode-v0":
        pytest.skip("one environment with a wrapper is enough")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = gymnasium.make(environment, **SETTINGS)
    dataset, played = recorded(wrap(env), minari, options)
    for episode, infos in zip(dataset.iterate_episodes(), played, strict=True):
        assert_columns(episode.infos, infos)
        assert episode.truncations[-1]
    again = dataset.recover_environment()
    assert again.unwrapped.scenario == env.unwrapped.scenario


def assert_columns(columns, infos) -> None:
    for key, value in columns.items():
        if isinstance(value, dict):
            assert_columns(value, [info[key] for info in infos])
        else:
            np.testing.assert_array_equal(value, [info[key] for info in infos], err_msg=key)
