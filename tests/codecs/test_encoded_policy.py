"""Experts on flat ids: clients that see vectors get the expert's actions, and with them the expert's return."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs.wrappers import CodecVectorWrapper, EncodedPolicy
from edge_llm_gym.experts import make_expert

MULTI = "EdgeLLM/MultiNode-v0"
SIZE = {"slots": 12, "horizon_epochs": 4, "arrivals.rate_per_s": 1.0}
FORMS = {
    "choices": ("EdgeLLM/MultiNode-MultiDiscrete-v0", {}),
    "scores": ("EdgeLLM/MultiNode-Flat-v0", {"codec": "priority"}),
    "tokens": ("EdgeLLM/MultiNode-Flat-v0", {"codec": "priority", "observation": "tokens"}),
    "requests": ("EdgeLLM/MultiNode-Sequential-v0", {}),
}
EXPERT = "edf"


def own_return(seed: int) -> float:
    """That of the expert in the structured environment."""
    env = gymnasium.make(MULTI, overrides=SIZE)
    expert = make_expert(EXPERT, env)
    (observation, _), total, ended = env.reset(seed=seed), 0.0, False
    while not ended:
        observation, reward, _, ended, _ = env.step(expert.predict(observation)[0])
        total += reward
    return total


@pytest.fixture(scope="module")
def expected() -> list[float]:
    found = [own_return(seed) for seed in (5, 6)]
    assert 0 < found[0] != found[1] > 0
    return found


def flat(form: str):
    name, settings = FORMS[form]
    return gymnasium.make(name, overrides=SIZE, **settings)


@pytest.mark.parametrize("form", FORMS)
def test_a_single_environment(form, expected):
    env = flat(form)
    policy = EncodedPolicy(make_expert(EXPERT, env), env)
    (observation, _), state, total, ended = env.reset(seed=5), None, 0.0, False
    while not ended:
        action, state = policy.predict(observation, state)
        assert env.action_space.contains(action)
        observation, reward, _, ended, _ = env.step(action)
        total += reward
    assert total == expected[0]


@pytest.mark.parametrize("form", ["choices", "scores"])
def test_native_rows(form, expected):
    name, settings = FORMS[form]
    envs = gymnasium.make_vec(name, 2, vectorization_mode="vector_entry_point", overrides=SIZE, **settings)
    assert returns_of(envs) == expected


@pytest.mark.parametrize("form", FORMS)
def test_gymnasiums_vector(form, expected):
    """Rows of a sequence end their epochs in different steps."""
    name, settings = FORMS[form]
    mode = {"autoreset_mode": AutoresetMode.SAME_STEP}
    envs = gymnasium.make_vec(name, 2, vectorization_mode="sync", overrides=SIZE, vector_kwargs=mode, **settings)
    assert returns_of(envs) == expected


def returns_of(envs) -> list[float]:
    """The return of the first episode of every row under the encoded expert."""
    policy = EncodedPolicy(make_expert(EXPERT, envs), envs)
    (observation, _), state = envs.reset(seed=5), None
    total, running = np.zeros(2), np.ones(2, bool)
    while running.any():
        action, state = policy(observation, state, ~running)
        observation, reward, _, truncated, _ = envs.step(action)
        total += np.where(running, reward, 0.0)
        running &= ~truncated
    return total.tolist()


def test_policies_with_a_memory_keep_it_through_a_sequence():
    """The memory of a row changes once per epoch, in which the row has decided its requests one by one."""

    class Counting:
        """Chooses the same node for all requests, 0 and 1 in turn, and counts the epochs of every row."""

        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            rows = len(observation["backlog"])
            assert "cursor" not in observation
            counts = [0] * rows if state is None else state
            batch = np.repeat(np.array(counts)[:, None] % 2, SIZE["slots"], axis=1)
            return {"batch": batch}, [count + 1 for count in counts]

    envs = gymnasium.make_vec(FORMS["requests"][0], 2, vectorization_mode="sync", overrides=SIZE)
    policy = EncodedPolicy(Counting(), envs)
    (observation, _), state, begun = envs.reset(seed=5), None, np.ones(2, int)
    lengths = [row["request_mask"].sum() for row in envs.get_attr("structured_observation")]
    assert lengths[0] != lengths[1]
    for _ in range(8):
        action, state = policy.predict(observation, state)
        assert state == begun.tolist()
        assert action.tolist() == ((begun - 1) % 2).tolist()
        observation, *_, info = envs.step(action)
        begun += info["epoch_begins"]
    assert begun[0] != begun[1]


def test_codecs_for_clients_that_see_dictionaries(expected):
    envs = CodecVectorWrapper(
        gymnasium.make_vec(MULTI, 2, vectorization_mode="vector_entry_point", overrides=SIZE), "multidiscrete"
    )
    policy = EncodedPolicy(make_expert(EXPERT, envs), envs.codec)
    observation, _ = envs.reset(seed=5)
    total = np.zeros(2)
    for _ in range(4):
        observation, reward, *_ = envs.step(policy.predict(observation)[0])
        total += reward
    assert total.tolist() == expected


def test_misuse_is_refused():
    env = gymnasium.make("EdgeLLM/MultiNode-Flat-v0", overrides=SIZE)
    policy = EncodedPolicy(make_expert(EXPERT, env), env)
    with pytest.raises(RuntimeError, match="reset"):
        policy.predict(np.zeros(env.observation_space.shape))
    observation, _ = env.reset(seed=0)
    with pytest.raises(NotImplementedError, match="codec 'parameters' has no inverse"):
        policy.predict(observation)
    for wrong in (gymnasium.make(MULTI), gymnasium.make_vec(MULTI, 2), 3):
        with pytest.raises(TypeError, match="encoded with a codec, or for a flat environment"):
            EncodedPolicy(make_expert(EXPERT, env), wrong)
