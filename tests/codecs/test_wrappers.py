"""Wrappers: one request at a time, flat actions and observations, among Gymnasium's own wrappers."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FlattenObservation, RecordEpisodeStatistics, TimeLimit, TransformReward

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.actions import ActionError
from edge_llm_gym.codecs.wrappers import CodecWrapper, EncodedPolicy, FlatObservation, SequentialWrapper
from edge_llm_gym.experts import make_expert

SINGLE, MULTI, STREAM = "EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0", "EdgeLLM/EarlyExit-v0"
MADE = {
    "multidiscrete": lambda: CodecWrapper(gymnasium.make(MULTI), "multidiscrete"),
    "priority": lambda: FlatObservation(CodecWrapper(gymnasium.make(MULTI), "priority", caps=True)),
    "priced": lambda: CodecWrapper(gymnasium.make(SINGLE), "priced"),
    "sequential": lambda: FlatObservation(SequentialWrapper(gymnasium.make(MULTI))),
    "streaming": lambda: FlatObservation(CodecWrapper(gymnasium.make(STREAM), "box")),
}


@pytest.mark.filterwarnings(
    "ignore:.*different from the unwrapped version"
)  # the wrapped environment is checked on purpose
@pytest.mark.parametrize("name", MADE)
def test_wrapped_environments_pass_gymnasiums_check(name):
    check_env(MADE[name](), skip_render_check=True)


def sequence(env, batch):
    """Steps a sequential environment through a batch [n] and ends the epoch; returns the result of the last step."""
    result = None
    for node in batch:
        result = env.step(int(node))
        if result[4]["epoch_begins"]:
            return result
    return result if result is not None and result[4]["epoch_begins"] else env.step(env.unwrapped.simulator.nodes + 1)


@pytest.mark.parametrize("expert", ["edf", "ot-gah"])
def test_a_sequence_equals_the_whole_action(expert):
    env, plain = SequentialWrapper(gymnasium.make(MULTI)), gymnasium.make(MULTI)
    policy = make_expert(expert, plain)
    env.reset(seed=2)
    observation, _ = plain.reset(seed=2)
    for _ in range(40):
        action = policy.predict(observation)[0]
        visible = int(observation["request_mask"].sum())
        received, reward, _, truncated, _ = sequence(env, action["batch"][:visible])
        observation, expected, *_ = plain.step(action)
        assert reward == expected
        for key, value in observation.items():
            np.testing.assert_array_equal(received[key], value)
        assert not truncated


def test_sequential_masks_keep_every_epoch_feasible():
    env = SequentialWrapper(gymnasium.make(MULTI))
    env.reset(seed=3)
    rng, closed = np.random.default_rng(0), 0
    while closed < 30:
        mask = env.action_masks()
        assert mask[0]
        assert mask[-1]
        *_, info = env.step(rng.choice(np.flatnonzero(mask[:-1])))
        if info["epoch_begins"]:
            closed += 1
            assert info["metrics"]["requested"] == info["metrics"]["served"]
    assert info["totals"]["served"] > 0


def test_a_masked_choice_lets_the_request_wait():
    env = SequentialWrapper(
        gymnasium.make(SINGLE, overrides={"nodes.0.uplink_hz": 1e3, "requests.bits_per_token": 1e6})
    )
    env.reset(seed=0)
    info = {"epoch_begins": False}
    while not info["epoch_begins"]:
        assert not env.action_masks()[1]
        _, reward, _, _, info = env.step(1)
        assert reward == 0.0
    assert info["metrics"]["requested"] == 0


def test_cursor_and_load_follow_the_batch():
    env = SequentialWrapper(gymnasium.make(SINGLE))
    received, _ = env.reset(seed=1)
    while received["request_mask"].sum() < 2:
        received, *_ = env.step(2)
    assert received["cursor"].argmax() == 0
    assert not received["load"].any()
    assert env.action_masks()[1]
    received, *_ = env.step(1)
    assert received["cursor"].argmax() == 1
    assert (received["load"] > 0).all()


def test_flat_observation_holds_every_key():
    env = gymnasium.make(MULTI)
    flat = FlatObservation(gymnasium.make(MULTI))
    observation, _ = env.reset(seed=4)
    vector, _ = flat.reset(seed=4)
    assert vector.dtype == np.float32
    assert flat.observation_space.contains(vector)
    for key, value in observation.items():
        np.testing.assert_array_equal(vector[flat.layout[key]], np.ravel(value))
    assert max(part.stop for part in flat.layout.values()) == vector.size


@pytest.mark.parametrize("name", ["multidiscrete", "priced"])
def test_gymnasiums_flattening_goes_around(name):
    env = FlattenObservation(MADE[name]())
    observation, _ = env.reset(seed=0)
    assert observation.dtype == np.float32
    assert env.observation_space.contains(observation)
    assert env.observation_space.contains(env.step(env.action_space.sample())[0])


def test_gymnasiums_own_wrappers_go_around():
    env = TransformReward(TimeLimit(RecordEpisodeStatistics(MADE["priority"]()), 5), lambda reward: reward / 10)
    env.reset(seed=0)
    truncated = False
    for _ in range(5):
        assert not truncated
        *_, truncated, _ = env.step(np.ones(env.action_space.shape, np.float32))
    assert truncated


@pytest.mark.parametrize(("environment", "codec"), [(MULTI, "priority"), (MULTI, "multidiscrete"), (STREAM, "box")])
def test_an_encoded_policy_returns_equivalent_flat_actions(environment, codec):
    env, flat = gymnasium.make(environment), CodecWrapper(gymnasium.make(environment), codec)
    env.action_space.seed(0)
    policy = make_expert("edf", env) if environment == MULTI else Constant(env.action_space.sample())
    encoded = EncodedPolicy(policy, flat.codec)
    observation, _ = env.reset(seed=1)
    flat.reset(seed=1)
    for _ in range(10):
        action, _ = encoded.predict(observation)
        together, _ = encoded.predict({key: np.stack([value, value]) for key, value in observation.items()})
        np.testing.assert_array_equal(together[1], action)
        received, reward, *_ = flat.step(action)
        observation, expected, *_ = env.step(policy.predict(observation)[0])
        assert reward == pytest.approx(expected, abs=1e-5)
        np.testing.assert_array_equal(received["backlog"], observation["backlog"])


class Constant:
    """The same action always."""

    def __init__(self, action):
        self.action = action

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        rows = len(observation["backlog"]) if observation["backlog"].ndim == 2 else None
        return {key: value if rows is None else np.stack([value] * rows) for key, value in self.action.items()}, None


def test_misuse_is_refused():
    env = CodecWrapper(gymnasium.make(MULTI), "priority")
    with pytest.raises(RuntimeError, match="reset"):
        env.step(env.action_space.sample())
    env.reset(seed=0)
    with pytest.raises(TypeError, match="no masks"):
        env.action_masks()
    with pytest.raises(ValueError, match="dynamics 'batching' only"):
        SequentialWrapper(gymnasium.make(STREAM))
    sequential = SequentialWrapper(gymnasium.make(MULTI))
    for early in (lambda: sequential.step(0), sequential.action_masks):
        with pytest.raises(RuntimeError, match="reset"):
            early()
    sequential.reset(seed=0)
    for wrong in (6, -1, 1.5, None):
        with pytest.raises(ActionError, match=r"lies in 0\.\.5, got"):
            sequential.step(wrong)
    with pytest.raises(ActionError, match=r"an action must have shape \(\), got list"):
        sequential.step([1])
    with pytest.raises(ValueError, match="overrun_s must be zero or more, got -1"):
        SequentialWrapper(gymnasium.make(MULTI), overrun_s=-1.0)
    with pytest.raises(TypeError, match="settings go with a codec's name"):
        CodecWrapper(gymnasium.make(MULTI), env.codec, caps=True)
    for inside in (FlatObservation(gymnasium.make(MULTI)), env):
        for wrapper in (SequentialWrapper, lambda wrapped: CodecWrapper(wrapped, "priority")):
            with pytest.raises(TypeError, match="directly around the environment's dictionaries"):
                wrapper(inside)
    with pytest.raises(TypeError, match="only dictionary observations"):
        FlatObservation(gymnasium.make("CartPole-v1"))
