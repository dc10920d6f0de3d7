"""Codecs: flat actions decode to valid ones, feasible where documented; experts' actions survive a round trip."""

import gymnasium
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.actions import ActionError
from edge_llm_gym.codecs import CODECS, make_codec
from edge_llm_gym.decoding.assignment import insert_by_score
from edge_llm_gym.decoding.batching import BatchingReader, time_cap_s
from edge_llm_gym.experts import make_expert
from edge_llm_gym.registration import ENVIRONMENTS

SETTINGS = {
    "multidiscrete": ({}, {"levels": 3}),
    "box": ({},),
    "priority": ({}, {"caps": True}, {"overrun_s": 0.0}),
    "priced": ({}, {"pairs": True}),
    "weighted_priority": ({},),
    "dispatch_rule": ({},),
    "residual_routing": ({},),
    "parameters": ({}, {"search": "exact"}),
    "prices": ({"candidates": 3},),
}
ROWS = 5


def vector(environment, rows=ROWS):
    return gymnasium.make_vec(environment, num_envs=rows, vectorization_mode="vector_entry_point")


def cases():
    for environment in ENVIRONMENTS:
        env = gymnasium.make(environment)
        for name in CODECS[env.unwrapped.scenario.dynamics]:
            for settings in SETTINGS[name]:
                if env.unwrapped.scenario.dynamics == "batching" or name != "multidiscrete" or settings:
                    yield pytest.param(environment, name, settings, id=f"{environment[8:-3]}-{name}-{settings}")


CASES = list(cases())


def samples(codec, rows, seed):
    codec.space.seed(seed)
    return np.stack([codec.space.sample() for _ in range(rows)])


@pytest.mark.parametrize(("environment", "name", "settings"), CASES)
def test_random_flat_actions_are_actions(environment, name, settings):
    envs = vector(environment)
    codec = make_codec(name, envs.unwrapped.scenario, **settings)
    observation, _ = envs.reset(seed=3)
    for step in range(15):
        action = codec.decode(samples(codec, ROWS, step), observation)
        assert envs.action_space.contains(action)
        observation, *_ = envs.step(action)


@pytest.mark.parametrize("name", ["priority", "priced", "weighted_priority", "dispatch_rule"])
@pytest.mark.parametrize("environment", ["EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0"])
def test_feasible_codecs_serve_every_admitted_request(environment, name):
    envs = vector(environment)
    observation, _ = envs.reset(seed=4)
    for settings in SETTINGS[name]:
        codec, served = make_codec(name, envs.unwrapped.scenario, **settings), 0.0
        for step in range(25):
            observation, _, _, _, info = envs.step(codec.decode(samples(codec, ROWS, step), observation))
            metrics = info["metrics"]
            np.testing.assert_array_equal(metrics["requested"], metrics["served"])
            served += metrics["served"].sum()
        assert served > 0


@pytest.mark.parametrize(("environment", "name", "settings"), CASES)
def test_rows_are_independent(environment, name, settings):
    envs = vector(environment)
    codec = make_codec(name, envs.unwrapped.scenario, **settings)
    observation, _ = envs.reset(seed=5)
    for _ in range(4):
        observation, *_ = envs.step({k: np.zeros_like(v) for k, v in envs.action_space.sample().items()})
    flat = samples(codec, ROWS, 0)
    together = codec.decode(flat, observation)
    for row in range(ROWS):
        alone = codec.decode(flat[row : row + 1], {k: v[row : row + 1] for k, v in observation.items()})
        for key, value in alone.items():
            np.testing.assert_array_equal(value[0], together[key][row])


@pytest.mark.parametrize("name", ["multidiscrete", "priority", "priced", "box"])
@pytest.mark.parametrize(
    ("environment", "expert"), [("EdgeLLM/SingleNode-v0", "dftsp"), ("EdgeLLM/MultiNode-v0", "edf")]
)
def test_an_experts_action_survives_the_round_trip(environment, expert, name):
    ours, plain = vector(environment), vector(environment)
    settings = {"pairs": True} if name == "priced" else {}
    codec, policy = make_codec(name, ours.unwrapped.scenario, **settings), make_expert(expert, ours)
    observation, _ = ours.reset(seed=6)
    plain.reset(seed=6)
    for _ in range(20):
        action = policy.predict(observation)[0]
        decoded = codec.decode(codec.encode(action, observation), observation)
        np.testing.assert_array_equal(decoded["batch"], action["batch"])
        observation, reward, *_ = ours.step(decoded)
        np.testing.assert_array_equal(reward, plain.step(action)[1])


def test_prices_of_zero_equal_the_expert():
    for environment in ("EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0"):
        envs = vector(environment)
        codec, expert = make_codec("priced", envs.unwrapped.scenario), make_expert("ot-gah", envs)
        observation, _ = envs.reset(seed=9)
        for _ in range(20):
            action = expert.predict(observation)[0]
            decoded = codec.decode(np.zeros((ROWS, *codec.space.shape), np.float32), observation)
            for key, value in action.items():
                np.testing.assert_array_equal(decoded[key], value)
            observation, *_ = envs.step(action)


def test_levels_keep_proportions():
    """A weight is rounded by less than one level, so a share moves by less than N / (L - 1)."""
    envs, levels = vector("EdgeLLM/MultiNode-v0"), 10_001
    codec, expert = make_codec("multidiscrete", envs.unwrapped.scenario, levels=levels), make_expert("ot-gah", envs)
    observation, _ = envs.reset(seed=6)
    for _ in range(20):
        action = expert.predict(observation)[0]
        back = codec.decode(codec.encode(action, observation), observation)
        for node in range(1, 5):
            joined = (action["batch"] == node)[..., None]
            largest = (back["bandwidth"] * joined).max(axis=1)
            np.testing.assert_array_equal(largest, np.broadcast_to(joined.any(axis=1), largest.shape))
            difference = shares(back["bandwidth"], joined) - shares(action["bandwidth"], joined)
            assert np.abs(difference).max() < 32 / (levels - 1)
        observation, *_ = envs.step(action)


def shares(weights, joined):
    total = (weights * joined).sum(axis=1, keepdims=True)
    return np.divide(weights * joined, total, out=np.zeros_like(weights), where=total > 0)


def test_levels_keep_small_weights_apart():
    """Weights far below the lowest level still count in proportion, so their row must not become equal shares."""
    envs = vector("EdgeLLM/EarlyExit-v0")
    scenario = envs.unwrapped.scenario
    codec = make_codec("multidiscrete", scenario, levels=5)
    observation, _ = envs.reset(seed=0)
    action = {key: np.zeros_like(value) for key, value in envs.action_space.sample().items()}
    first, second = scenario.network.entry_nodes[:2]
    action["offload"][:, 0, [first, second]] = 0.04, 0.01
    back = codec.decode(codec.encode(action, observation), observation)
    np.testing.assert_allclose(back["offload"][:, 0, [first, second]], [[1.0, 0.25]] * ROWS)
    assert back["offload"].sum() == pytest.approx(1.25 * ROWS)


def test_streaming_codecs_invert_their_encoding():
    envs = vector("EdgeLLM/EarlyExit-v0")
    scenario = envs.unwrapped.scenario
    observation, _ = envs.reset(seed=0)
    action = envs.action_space.sample()
    box = make_codec("box", scenario)
    back = box.decode(box.encode(action, observation), observation)
    np.testing.assert_allclose(back["offload"], action["offload"], atol=1e-6)
    np.testing.assert_allclose(back["threshold"], action["threshold"], atol=1e-6)
    levels = make_codec("multidiscrete", scenario, levels=11)
    flat = levels.encode(action, observation)
    assert np.take_along_axis(levels.mask(observation).reshape(ROWS, -1, 11), flat[..., None], axis=2).all()
    np.testing.assert_allclose(levels.decode(flat, observation)["threshold"], action["threshold"], atol=0.0501)


def test_insertion_equals_a_plain_one():
    """Against the same rule written with sets and Python's own sorting."""
    envs = vector("EdgeLLM/MultiNode-v0", 3)
    scenario = envs.unwrapped.scenario
    reader, edf = BatchingReader(scenario), make_expert("random", envs, seed=0)
    observation, _ = envs.reset(seed=7)
    for step in range(12):
        arrays = reader.read_rows(observation)
        score = np.random.default_rng(step).uniform(-1, 1, arrays.time_s.shape).round(1)
        cap_s = time_cap_s(scenario, arrays.busy_s, 1.0)
        node = insert_by_score(score, arrays, cap_s)
        for row in range(3):
            np.testing.assert_array_equal(node[row], plain_insertion(score[row], arrays, cap_s[row], row))
        observation, *_ = envs.step(edf.predict(observation)[0])


def plain_insertion(score, arrays, cap_s, row):
    where, members = np.zeros(len(score), int), {node: [] for node in range(score.shape[1])}
    pairs = sorted(np.ndindex(score.shape), key=lambda pair: (-score[pair], pair))
    for slot, node in pairs:
        batch = [*members[node], slot]
        if score[slot, node] <= 0 or where[slot]:
            continue
        time_s = arrays.time_s[row, batch, node].sum() + arrays.shared_time_s[row, batch, node].max()
        fits = (
            time_s <= min(cap_s[node], arrays.budget_s[row, batch, node].min())
            and arrays.kv_bytes[row, batch, node].sum() <= arrays.free_kv_bytes[row, node]
            and arrays.uplink_share[row, batch, node].sum() <= 1
            and arrays.downlink_share[row, batch, node].sum() <= 1
        )
        if fits:
            members[node].append(slot)
            where[slot] = node + 1
    return where


@pytest.fixture(scope="module")
def epochs():
    """Epochs in mid-episode, with their snapshots: many visible requests, busy nodes."""
    env, kept = gymnasium.make("EdgeLLM/MultiNode-v0"), []
    expert = make_expert("edf", env)
    observation, _ = env.reset(seed=10)
    for _ in range(12):
        kept.append(({key: value[None] for key, value in observation.items()}, env.unwrapped.snapshot()))
        observation, *_ = env.step(expert.predict(observation)[0])
    return env, kept


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(
    which=st.integers(0, 11),
    flat=hnp.arrays(np.float32, (1, 132), elements=st.floats(-1, 1, width=32), fill=st.floats(-1, 1, width=32)),
)
def test_any_priorities_are_feasible(epochs, which, flat):
    """With ties, zeros and extremes: all requests of the batches are served, and all have a positive score."""
    env, kept = epochs
    observation, snapshot = kept[which]
    env.unwrapped.restore(snapshot)
    decoded = make_codec("priority", env.unwrapped.scenario, caps=True).decode(flat, observation)
    action = {key: value[0] for key, value in decoded.items()}
    assert env.action_space.contains(action)
    positive = (flat[0, :128].reshape(32, 4) > 0).any(axis=1)
    assert not action["batch"][~positive].any()
    metrics = env.step(action)[-1]["metrics"]
    assert metrics["requested"] == metrics["served"] == np.count_nonzero(action["batch"])


@pytest.mark.parametrize("environment", ["EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0"])
def test_masks_are_those_of_the_environment(environment):
    envs = vector(environment)
    codec, edf = make_codec("multidiscrete", envs.unwrapped.scenario), make_expert("edf", envs)
    observation, _ = envs.reset(seed=8)
    for _ in range(30):
        mask = codec.mask(observation)
        assert mask.reshape(ROWS, -1, envs.unwrapped.simulator.nodes + 1)[..., 0].all()
        np.testing.assert_array_equal(mask, envs.unwrapped.action_masks())
        observation, *_ = envs.step(edf.predict(observation)[0])


@pytest.mark.parametrize(("environment", "name", "settings"), CASES)
def test_malformed_flat_actions_are_refused(environment, name, settings):
    envs = vector(environment)
    codec = make_codec(name, envs.unwrapped.scenario, **settings)
    observation, _ = envs.reset(seed=0)
    good = samples(codec, ROWS, 0)
    bad = np.full(good.shape, np.nan) if good.dtype.kind == "f" else good + 1000
    for wrong in (good[:, None] if good.ndim == 1 else good[:, 1:], good[0], bad):
        with pytest.raises(ActionError, match="flat actions must"):
            codec.decode(wrong, observation)


def test_unknown_names_and_settings_are_refused():
    scenario = gymnasium.make("EdgeLLM/SingleNode-v0").unwrapped.scenario
    with pytest.raises(ValueError, match="did you mean 'priority'"):
        make_codec("prioritty", scenario)
    with pytest.raises(TypeError, match="has no setting 'cap'; did you mean 'caps'"):
        make_codec("priority", scenario, cap=True)
    with pytest.raises(ValueError, match="unknown codec of dynamics 'streaming' 'priority'"):
        make_codec("priority", gymnasium.make("EdgeLLM/EarlyExit-v0").unwrapped.scenario)
    for levels in (1, 2.5):
        with pytest.raises(ValueError, match="levels must be a whole number, 2 or more"):
            make_codec("multidiscrete", scenario, levels=levels)
    for name in ("priority", "priced"):
        for overrun_s in (-1.0, float("nan")):
            with pytest.raises(ValueError, match="overrun_s must be zero or more"):
                make_codec(name, scenario, overrun_s=overrun_s)
    with pytest.raises(ValueError, match="leave out overrun_s"):
        make_codec("priority", scenario, caps=True, overrun_s=1.0)
