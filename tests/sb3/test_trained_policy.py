"""Models that were trained elsewhere as policies of the environment: all forms of observation, codecs and masks."""

import gymnasium
import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs.wrappers import CodecWrapper, FlatObservation
from edge_llm_gym.evaluation import compare
from edge_llm_gym.sb3 import DecodedPolicy

SIZE = {"slots": 4, "horizon_epochs": 5}
ID = "EdgeLLM/MultiNode-v0"
FORMS = {
    "vector": ("MlpPolicy", lambda env: FlatObservation(CodecWrapper(env, "priority"))),
    "dictionary": ("MultiInputPolicy", lambda env: CodecWrapper(env, "priority")),
    "tokens": ("MultiInputPolicy", lambda env: FlatTokens(env)),
}


def made(**changes: int) -> gymnasium.Env:
    return gymnasium.make(ID, overrides=SIZE | changes)


def model_of(form: str) -> PPO:
    policy, wrap = FORMS[form]
    return PPO(policy, wrap(made()), n_steps=8, batch_size=8, seed=0, device="cpu", policy_kwargs={"net_arch": [8]})


@pytest.mark.parametrize("form", FORMS)
def test_it_acts_as_the_model_does_in_its_own_wrappers(form):
    model, wrapped, env = model_of(form), FORMS[form][1](made()), made()
    policy = DecodedPolicy(model, env, codec="priority")
    flat, observation = wrapped.reset(seed=1)[0], env.reset(seed=1)[0]
    for _ in range(5):
        expected = wrapped.step(model.predict(flat, deterministic=True)[0])
        got = env.step(policy.predict(observation, deterministic=True)[0])
        assert expected[1] == got[1]
        flat, observation = expected[0], got[0]


def test_batches_equal_single_observations():
    envs = gymnasium.make_vec(ID, num_envs=3, vectorization_mode="vector_entry_point", overrides=SIZE)
    policy = DecodedPolicy(model_of("vector"), envs, codec="priority")
    observation, _ = envs.reset(seed=0)
    together, _ = policy.predict(observation, deterministic=True)
    for row in range(3):
        alone, _ = policy.predict({key: array[row] for key, array in observation.items()}, deterministic=True)
        assert np.array_equal(alone["batch"], together["batch"][row])


def test_actions_are_sampled_unless_they_are_deterministic():
    env = made()
    policy = DecodedPolicy(model_of("vector"), env, codec="priority")
    observation, _ = env.reset(seed=0)
    drawn = {policy.predict(observation)[0]["bandwidth"].tobytes() for _ in range(8)}
    fixed = {policy.predict(observation, deterministic=True)[0]["bandwidth"].tobytes() for _ in range(8)}
    assert len(fixed) == 1 < len(drawn)


def test_masks_reach_a_maskable_model():
    env, own = made(slots=24), CodecWrapper(made(slots=24), "multidiscrete")
    model = MaskablePPO("MultiInputPolicy", own, n_steps=8, batch_size=8, seed=0)
    policy = DecodedPolicy(model, env, codec="multidiscrete")
    observation, _ = env.reset(seed=0)
    empty = observation["request_mask"] == 0
    assert empty.any()
    for _ in range(20):
        assert not policy.predict(observation)[0]["batch"][empty].any()


def test_compare_takes_it_as_a_factory():
    model = model_of("vector")
    table = compare(ID, [("ppo", lambda env: DecodedPolicy(model, env, codec="priority")), "edf"], [0], overrides=SIZE)
    assert set(table.policies) == {"ppo", "edf"}


def test_other_action_spaces_are_refused():
    with pytest.raises(ValueError, match=r"the model acts in Box.*but the codec takes MultiDiscrete"):
        DecodedPolicy(model_of("vector"), made(), codec="multidiscrete")
