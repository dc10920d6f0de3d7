"""The contract of pooled environments with predicted output lengths, by the tests of those with known ones."""

import gymnasium
import pytest

from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import load_scenario
from tests.contract.conftest import DYNAMICS
from tests.contract.test_batching import test_masks_agree_with_refusals as check_masks
from tests.contract.test_single import play
from tests.contract.test_single import test_gymnasium_checker_passes_without_warnings as check_with_gymnasium
from tests.contract.test_vector import test_rows_equal_single_environments_bit_for_bit as check_parity
from tests.equality import assert_same

POOLED = [environment for environment, dynamics in DYNAMICS.items() if dynamics != "streaming"]
SIGMA = "lengths.prediction.sigma"


@pytest.fixture(params=POOLED)
def environment(request):
    """An id, registered for the test, of an environment with predictions."""
    predicted = request.param.replace("-v0", "-Predicted-v0")
    spec = gymnasium.spec(request.param)
    gymnasium.register(
        id=predicted,
        entry_point=spec.entry_point,
        vector_entry_point=spec.vector_entry_point,
        kwargs={"scenario": load_scenario(ENVIRONMENTS[request.param], {SIGMA: 0.4})},
    )
    yield predicted
    del gymnasium.registry[predicted]


def test_gymnasium_checker(env):
    check_with_gymnasium(env)


def test_rows_equal_single_environments(environment):
    check_parity(environment)


def test_masks_agree_with_refusals(env):
    if env.unwrapped.scenario.dynamics == "batching":
        check_masks(env)


def test_a_restored_snapshot_goes_on_as_before(environment):
    env, other = gymnasium.make(environment), gymnasium.make(environment)
    other.reset(seed=9)
    env.action_space.seed(1)
    env.reset(seed=0)
    for _ in range(10):
        env.step(env.action_space.sample())
    other.unwrapped.restore(env.unwrapped.snapshot())
    for _ in range(15):
        action = env.action_space.sample()
        assert_same(dict(enumerate(env.step(action))), dict(enumerate(other.step(action))))
        assert_same(env.unwrapped.action_masks(), other.unwrapped.action_masks())


def test_infos_count_the_evicted_requests(environment):
    env = gymnasium.make(environment, overrides={SIGMA: 1.0})
    evicted = 0.0
    for _, _, info in play(env, seed=2, steps=60)[1:]:
        marked = info["slots"]["evicted"]
        assert marked.sum() == info["metrics"]["evicted"]
        assert (info["slots"]["outcome"][marked] == 3).all()
        assert (info["slots"]["latency_s"][marked] == 0).all()
        evicted += info["metrics"]["evicted"]
        assert env.unwrapped.simulator.conserves()
    assert info["totals"]["evicted"] == evicted > 0
    assert info["totals"]["late"] >= evicted


def test_known_lengths_evict_nothing_and_say_nothing_of_it():
    env = gymnasium.make("EdgeLLM/MultiNode-v0")
    trail = play(env, seed=2)
    assert all("evicted" not in info["slots"] for _, _, info in trail[1:])
    assert trail[-1][2]["totals"]["evicted"] == 0
