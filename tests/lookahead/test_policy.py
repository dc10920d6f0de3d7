"""The rollout policy: returns against a plain simulation one row at a time, the choice, and what it does not know."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.seeding import np_random

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.experts import make_expert
from edge_llm_gym.linear import LinearBatching, make_linear
from edge_llm_gym.lookahead import RolloutPolicy, make_rollout
from edge_llm_gym.lookahead.candidates import Candidates
from edge_llm_gym.lookahead.policy import STREAM, best_candidate
from edge_llm_gym.lookahead.rollouts import RolloutSettings
from edge_llm_gym.sim.futures import Futures
from edge_llm_gym.sim.simulator import Simulator
from tests.equality import assert_same

ENVIRONMENTS = ("SingleNode", "MultiNode", "Continuous", "Joint", "EarlyExit")
SMALL = RolloutSettings(horizon=3, futures=3, candidates=4, discount=0.9)


def started(name="SingleNode", seed=3, epochs=6, **overrides):
    """An environment after some epochs of the linear policy, and its observation."""
    env = gymnasium.make(f"EdgeLLM/{name}-v0", overrides={"horizon_epochs": 12} | overrides)
    base = make_linear(env.unwrapped.scenario, search="quick")
    observation, _ = env.reset(seed=seed)
    for _ in range(epochs):
        observation, *_ = env.step(base.predict(observation)[0])
    return env, base, observation


def returns_by_hand(env, base, observation, settings, seed):
    """[candidates, futures], each rollout in a simulator of one row, with the base policy on single observations."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    actions, _ = Candidates(base, None, settings.candidates, settings.deviation).of(observation, None, rng)
    futures = Futures(base.scenario, settings.futures, settings.candidates, settings.horizon)
    futures.draw(env.unwrapped.simulator, 0, rng)
    returns = np.zeros((settings.candidates, settings.futures))
    for candidate, future in np.ndindex(*returns.shape):
        simulator = Simulator(base.scenario)
        simulator.restore(futures.simulator.snapshot(candidate * settings.futures + future))
        action, epoch = {key: array[candidate] for key, array in actions.items()}, 0
        while epoch < settings.horizon and not simulator.ended()[0]:
            arrays = interface_of(base.scenario).read_action(action, (), base.scenario)
            returns[candidate, future] += settings.discount**epoch * simulator.step(*arrays).reward[0]
            shown = interface_of(base.scenario).observer(simulator).observe()
            action, _ = base.predict({key: array[0] for key, array in shown.items()})
            epoch += 1
    return returns


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_returns_are_those_of_a_plain_simulation(name):
    env, base, observation = started(name)
    policy = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=11)
    action, _ = policy.predict(observation)
    expected = returns_by_hand(env, base, observation, SMALL, 11)
    np.testing.assert_allclose(policy.last_returns, expected, rtol=1e-12)
    assert expected.std() > 0
    env.step(action)


def test_rollouts_end_with_the_episode():
    env, base, observation = started(epochs=11)
    policy = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=12)
    policy.predict(observation)
    np.testing.assert_allclose(policy.last_returns, returns_by_hand(env, base, observation, SMALL, 12), rtol=1e-12)


def test_the_true_future_does_not_change_the_decision():
    decisions = []
    for spoilt in (False, True):
        env, base, observation = started("Joint")
        simulator = env.unwrapped.simulator
        if spoilt:
            arrived, epoch = int(simulator.state.queue.next_arrival[0]), int(simulator.state.epoch[0])
            simulator.tape.requests.length[0] = arrived
            simulator.tape.requests.arrival_s[0, arrived:] = np.inf
            simulator.tape.channels.spectral_efficiency[0, epoch + 1 :] = 0.1
            simulator.tape.exits.confidence[0, simulator.state.queue.request[0, : simulator.state.queue.length[0]]] = (
                0.0
            )
        policy = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=13)
        decisions.append((policy.predict(observation)[0], policy.last_returns))
    assert_same(decisions[0], decisions[1])


def test_the_random_numbers_are_not_those_of_an_environment_of_the_same_seed():
    env, base, _ = started(seed=14, epochs=0)
    own = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=14)._rng.random(4)
    env.reset(seed=14)
    tape, _ = np_random(14)
    for other in (np.random.default_rng(14), tape, env.unwrapped.np_random):
        assert not np.isin(own, other.random(1000)).any()


def test_equal_seeds_make_equal_decisions_and_others_do_not():
    env, base, observation = started("MultiNode")
    returns = []
    for seed in (15, 15, 16):
        policy = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=seed)
        policy.predict(observation)
        returns.append(policy.last_returns)
    np.testing.assert_array_equal(returns[0], returns[1])
    assert not np.array_equal(returns[0], returns[2])


def test_the_state_of_the_environment_stays_as_it_is():
    env, base, observation = started("Continuous")
    before, generator = env.unwrapped.simulator.snapshot(), env.unwrapped.np_random.bit_generator.state
    RolloutPolicy(env.unwrapped, base, None, SMALL, seed=17).predict(observation)
    after = env.unwrapped.simulator.snapshot()
    assert_same(before.state, after.state)
    assert_same(before.tape, after.tape)
    assert generator == env.unwrapped.np_random.bit_generator.state


class Idle(LinearBatching):
    """Lets all requests wait."""

    def act_with(self, observation, parameters):
        action = super().act_with(observation, parameters)
        return action | {"batch": np.zeros_like(action["batch"])}


def test_a_base_policy_that_serves_nothing_is_overruled():
    env, base, observation = started()
    idle = Idle(base.scenario)
    policy = make_rollout(env, seed=18, base=idle, expert="dftsp", futures=8, candidates=2)
    action, _ = policy.predict(observation)
    assert_same(action, make_expert("dftsp", env).predict(observation)[0])
    assert not policy.last_returns[0].any()
    assert policy.last_returns[1].min() > 0.0


def test_other_tapes_after_overrides_are_drawn_in_rollouts_too():
    env, base, observation = started()
    policy = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=19)
    policy.predict(observation)
    observation, _ = env.reset(seed=1, options={"overrides": {"arrivals.rate_per_s": 0.01}})
    policy.predict(observation)
    futures, first = policy._rollouts._futures.simulator, int(env.unwrapped.simulator.state.queue.next_arrival[0])
    assert (futures.tape.requests.length - first < 5).all()


def test_another_observation_than_the_present_one_is_refused():
    env, base, observation = started()
    policy = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=20)
    env.step(base.predict(observation)[0])
    for other in (observation, observation["requests"]):
        with pytest.raises(ValueError, match=r"present state of the environment it was made for.*pass the observation"):
            policy.predict(other)


def test_another_scenario_than_that_of_the_base_policy_is_refused():
    env, base, _ = started()
    policy = RolloutPolicy(env.unwrapped, base, None, SMALL, seed=21)
    observation, _ = env.reset(seed=1, options={"overrides": {"nodes.0.memory_fraction": 0.2}})
    with pytest.raises(ValueError, match=r"changed more of it than what tapes hold; make the policy again"):
        policy.predict(observation)


@pytest.mark.parametrize(
    ("returns", "margin", "best"),
    [
        ([[1.0, 3.0], [2.0, 4.0], [9.0, -9.0]], 1.0, 1),  # gain 1 without spread; the third's mean is lower
        ([[0.0, 0.0], [4.0, 0.0]], 1.0, 0),  # mean 2, standard error 2
        ([[0.0, 0.0], [4.0, 0.0]], 0.9, 1),
        ([[0.0, 0.0], [-1.0, -1.0], [-2.0, -2.0]], 0.0, 0),
        ([[5.0, 5.0], [5.0, 5.0]], 0.0, 0),
        ([[1.0], [2.0], [3.0]], 1.0, 2),  # one future has no spread
        ([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0], [1.0, 1.1, 0.9]], 2.0, 2),  # the higher mean is not sure enough
    ],
)
def test_best_candidate_by_hand(returns, margin, best):
    assert best_candidate(np.array(returns), margin) == best
