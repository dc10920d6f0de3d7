"""Tapes with predicted output lengths: common random numbers, and what depends on which length."""

import numpy as np
import pytest

from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Simulator

SIGMA = "lengths.prediction.sigma"
PREDICTED = {"requests.deadline_s", "requests.predicted_tokens", "predicted_drivers", "latest_start_s"}
"""Fields that depend on the predictions; of `requests.bits`, the downlink does."""


def drawn(name: str, sigma: float, episodes: int = 2, **overrides):
    """A simulator after some resets of its row, and the state of the generator."""
    simulator = Simulator(load_scenario(name, {"horizon_epochs": 20, SIGMA: sigma, **overrides}))
    rng = np.random.default_rng(7)
    for _ in range(episodes):
        simulator.reset(0, rng)
    return simulator, rng.bit_generator.state


@pytest.mark.parametrize("name", ["single-node", "multi-node", "joint"])
def test_everything_else_on_the_tape_is_the_same_for_every_sigma(name):
    known, state = drawn(name, 0.0)
    size = int(known.tape.requests.length[0])
    for sigma in (0.4, 0.8):
        simulator, after = drawn(name, sigma)
        assert after == state, "predictions draw from a stream of their own"
        for (field, array), (_, other) in zip(leaves(simulator.tape), leaves(known.tape), strict=True):
            if field == "requests.bits":
                array, other = array[..., UPLINK], other[..., UPLINK]
            if field not in PREDICTED:
                np.testing.assert_array_equal(array, other, err_msg=field)
            else:
                assert (array[0, :size] != other[0, :size]).any(), field


@pytest.mark.parametrize("name", ["multi-node", "joint"])
def test_budgets_bits_and_drivers_follow_the_predictions(name):
    (known, _), (simulator, _) = drawn(name, 0.0), drawn(name, 0.6)
    size = int(known.tape.requests.length[0])
    tape, requests, settings = simulator.tape, simulator.tape.requests, simulator.scenario.requests
    predicted = requests.predicted_tokens[0, :size].astype(np.int64)
    more = predicted - requests.output_tokens[0, :size]
    assert predicted.min() >= 1
    assert predicted.max() <= 512
    assert (more > 0).any() and (more < 0).any()  # noqa: PT018 - both signs are needed
    longer_s = requests.deadline_s[0, :size] - known.tape.requests.deadline_s[0, :size]
    np.testing.assert_allclose(longer_s, settings.budget_per_output_token_s * more, atol=1e-9)
    more_bits = requests.bits[0, :size, DOWNLINK] - requests.answer_bits[0, :size]
    np.testing.assert_allclose(more_bits, settings.bits_per_token * more, atol=1e-6)
    drivers = simulator.tape_generator.costs.drivers(requests.prompt_tokens[0, :size], predicted)
    np.testing.assert_array_equal(tape.predicted_drivers[0, :size], drivers)
    costs = simulator.tape_generator.costs
    alone_s = costs.costs(requests.prompt_tokens[0, :size], predicted)[:2].sum(axis=0)[:, costs.first_hosted[:4]]
    latest_s = requests.deadline_s[0, :size, None] - simulator.scenario.downlink_slot_s - alone_s
    possible = np.isfinite(tape.latest_start_s[0, :size])
    assert possible.mean() > 0.5
    np.testing.assert_allclose(tape.latest_start_s[0, :size][possible], latest_s[possible])


def test_known_lengths_take_no_memory_of_their_own():
    tape = drawn("joint", 0.0)[0].tape
    assert tape.predicted_drivers is tape.cost_drivers
    assert np.shares_memory(tape.requests.predicted_tokens, tape.requests.output_tokens)
    assert np.shares_memory(tape.requests.answer_bits, tape.requests.bits)
    np.testing.assert_array_equal(tape.requests.answer_bits, tape.requests.bits[..., DOWNLINK])
    np.testing.assert_array_equal(tape.requests.predicted_tokens, tape.requests.output_tokens)


def test_later_episodes_have_other_errors():
    errors = []
    for episodes in (1, 2):
        requests = drawn("multi-node", 0.5, episodes)[0].tape.requests
        errors.append(requests.predicted_tokens[0, :40] / requests.output_tokens[0, :40])
    assert (errors[0] != errors[1]).mean() > 0.9


def test_streaming_dynamics_know_the_lengths():
    with pytest.raises(ScenarioError, match=r"does not use length predictions, got lengths.prediction.sigma 0.3"):
        load_scenario("early-exit", {SIGMA: 0.3})


def test_sigma_must_not_be_negative():
    with pytest.raises(ScenarioError, match="must be from 0 to 10"):
        load_scenario("multi-node", {SIGMA: -0.1})
