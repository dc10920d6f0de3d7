"""Models that were trained elsewhere as policies of the environment: all forms of observation, codecs and masks."""

import gymnasium
import numpy as np
import pytest
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.codecs.wrappers import CodecWrapper, FlatObservation
from edge_llm_gym.evaluation import compare
from edge_llm_gym.sb3 import DecodedPolicy

SIZE = {"slots": 4, "horizon_epochs": 5}
ID = "EdgeLLM/MultiNode-v0"
FLAT_ID = "EdgeLLM/MultiNode-Flat-v0"
FORMS = {
    "vector": ("MlpPolicy", lambda env: FlatObservation(CodecWrapper(env, "priority"))),
    "dictionary": ("MultiInputPolicy", lambda env: CodecWrapper(env, "priority")),
    "tokens": ("MultiInputPolicy", lambda env: flat(observation="tokens")),
    "scaled vector": ("MlpPolicy", lambda env: flat()),
    "own numbers": ("MlpPolicy", lambda env: flat(observation="unscaled")),
}


def flat(codec: str = "priority", **settings: str) -> gymnasium.Env:
    return gymnasium.make(FLAT_ID, overrides=SIZE, codec=codec, **settings)


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


def test_vectors_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"the model observes \d+ numbers, but scenario 'multi-node' makes vectors of"):
        DecodedPolicy(PPO("MlpPolicy", flat("dispatch_rule"), device="cpu"), made(slots=5), codec="dispatch_rule")


SEQUENTIAL = "EdgeLLM/MultiNode-Sequential-v0"


def sequence_of_choices(env: gymnasium.Env, model, seed: int, masked: bool) -> list[float]:
    """Rewards of the epochs of an episode in which the model decides one request after another."""
    (observation, _), state, start, rewards, ended = env.reset(seed=seed), None, np.ones(1, bool), [], False
    while not ended:
        masks = {"action_masks": env.unwrapped.action_masks()} if masked else {}
        action, state = model.predict(observation, state, start, deterministic=True, **masks)
        observation, reward, _, ended, info = env.step(action)
        start = np.zeros(1, bool)
        rewards += [reward] if info["epoch_begins"] else []
    return rewards


def recurrent(env: gymnasium.Env) -> RecurrentPPO:
    small = {"net_arch": [8], "lstm_hidden_size": 8}
    return RecurrentPPO("MlpLstmPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu", policy_kwargs=small)


SEQUENTIAL_MODELS = {
    "dqn": lambda env: DQN("MlpPolicy", env, seed=4, device="cpu", buffer_size=8, policy_kwargs={"net_arch": [8]}),
    "maskable": lambda env: MaskablePPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0, device="cpu"),
    "recurrent": recurrent,
}


@pytest.mark.parametrize("name", SEQUENTIAL_MODELS)
def test_a_model_of_single_requests_decides_whole_epochs(name):
    """In the structured environment it makes the choices that it makes request by request, also for many rows."""
    sequential, whole = gymnasium.make(SEQUENTIAL, overrides=SIZE), made()
    model = SEQUENTIAL_MODELS[name](sequential)
    policy = DecodedPolicy(model, whole, codec="sequential")
    expected = {seed: sequence_of_choices(sequential, model, seed, name == "maskable") for seed in (1, 2)}
    assert expected[1] != expected[2]
    rows = gymnasium.make_vec(ID, 2, vectorization_mode="vector_entry_point", overrides=SIZE)
    found, starts, state = [], np.ones(2, bool), None
    observation, _ = rows.reset(seed=1)
    for _ in range(SIZE["horizon_epochs"]):
        action, state = policy.predict(observation, state, starts, deterministic=True)
        observation, reward, *_ = rows.step(action)
        found.append(reward)
        starts = np.zeros(2, bool)
    assert np.array(found).T.tolist() == [expected[1], expected[2]]


def test_the_normalisation_of_the_training_is_applied():
    venv = VecNormalize(DummyVecEnv([flat]), norm_obs=True)
    venv.reset()
    for _ in range(20):
        venv.step(np.array([venv.action_space.sample()]))
    model, env = PPO("MlpPolicy", venv, n_steps=8, batch_size=8, seed=0, device="cpu"), made()
    observation, _ = env.reset(seed=3)
    vector, _ = flat().reset(seed=3)
    wanted = model.predict(venv.normalize_obs(vector), deterministic=True)[0]
    policies = [DecodedPolicy(model, env, normalizer=each) for each in (venv, None)]
    rows = {key: array[None] for key, array in observation.items()}
    flats = [policy._choose(rows, None, None, None, True)[0][0] for policy in policies]
    np.testing.assert_allclose(flats[0], wanted, atol=1e-6)
    assert not np.allclose(flats[1], wanted)


def test_states_advance_only_in_rows_that_still_choose():
    """A stand-in for a recurrent model counts how often each row was asked: once per request, at least once."""

    class Counting:
        action_space = gymnasium.make(SEQUENTIAL, overrides=SIZE).action_space
        observation_space = gymnasium.make(SEQUENTIAL, overrides=SIZE).observation_space

        def predict(self, seen, state, start, deterministic):
            counts = np.zeros((1, len(seen), 1)) if state is None else state[0]
            return np.zeros(len(seen), np.int64), (counts + 1,)

    rows = gymnasium.make_vec(
        ID, 4, vectorization_mode="vector_entry_point", overrides=SIZE | {"arrivals.rate_per_s": 0.5}
    )
    observation, _ = rows.reset(seed=1)
    visible = np.maximum(observation["request_mask"].sum(axis=1), 1)
    assert len(set(visible.tolist())) > 1
    _, state = DecodedPolicy(Counting(), rows, codec="sequential").predict(observation)
    assert state[0].ravel().tolist() == visible.tolist()
