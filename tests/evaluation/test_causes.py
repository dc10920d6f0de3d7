"""Why requests are not served: miniatures in which exactly one resource is scarce, and sums over whole episodes."""

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.actions import ActionError
from edge_llm_gym.evaluation import compare, decisions
from edge_llm_gym.evaluation.causes import EXPIRED_CAUSES, LATE_CAUSES, cause_recorder, causes_of
from edge_llm_gym.evaluation.decisions import Decisions
from edge_llm_gym.evaluation.exclusion import RESOURCES
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.tables import comparison_sheets
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.columns import KV
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.outcomes import LATE, REFUSED_MEMORY, WAITING
from edge_llm_gym.sim.request_costs import RequestCosts
from tests.sim.pooled.routing_by_hand import staged

SINGLE = "EdgeLLM/SingleNode-v0"
UP_BITS, DOWN_BITS, EFFICIENCY = 400 * 32, 10 * 32 + 100_000, 4.0
"""Of every request; spectral efficiency of every channel in bit/s/Hz."""
AMPLE = {
    "horizon_epochs": 12,
    "slots": 200,
    "arrivals": {"process": "poisson", "rate_per_s": 2.0},
    "lengths": {
        "kind": "choice",
        "prompt_tokens": [400],
        "output_tokens": [10],
        "max_prompt_tokens": 400,
        "max_output_tokens": 10,
    },
    "requests.budget_s": [14.0, 14.0],
    "requests.budget_per_output_token_s": 0.0,
    "requests.accuracy": [0.0, 0.0],
    "requests.uplink_payload": {"probability": 0.0},
    "requests.downlink_payload": {"probability": 1.0, "bits": [1e5, 1e5]},
    "channel.spectral_efficiency_floor": EFFICIENCY,
    "channel.spectral_efficiency_cap": EFFICIENCY,
    "nodes.0.memory_fraction": 0.9,
    "nodes.0.uplink_hz": 1e9,
    "nodes.0.downlink_hz": 1e9,
}
"""One node serves all requests in time. A slot of the radio lasts 0.4 s, an epoch 4 s."""


def hertz(bits, share):
    """Band of which a request needs this share."""
    return bits / (0.4 * EFFICIENCY * share)


def fraction_for(requests):
    """Fraction of the node's memory that holds the weights and the KV caches of so many requests."""
    scenario = load_scenario("single-node", AMPLE)
    memory_bytes = scenario.nodes[0].device().memory_bytes
    capacity_bytes = node_costs(scenario)[0].kv_capacity_bytes
    kv_bytes = RequestCosts(scenario).costs(np.array([400.0]), np.array([10.0]))[KV, 0, -1]
    return 0.9 - (capacity_bytes - requests * kv_bytes) / memory_bytes


class Idle:
    """Every request waits."""

    def __init__(self, env):
        self._space = env.action_space

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return {key: 0 * space.sample() for key, space in self._space.items()}, state


def greedy(env):
    """Serves as many requests of an epoch as fit."""
    return make_expert("dftsp", env, overrun_s=np.inf)


def at_random(env):
    return make_expert("random", env, seed=0)


def causes(environment, policy, overrides, seed=0):
    """Causes of expired or late requests of an episode, and the totals."""
    env = gymnasium.make(environment, overrides=overrides)
    made = policy(env)
    recorder = cause_recorder(env.unwrapped.scenario)
    run_episode(env, made, seed, recorder=recorder)
    simulator = env.unwrapped.simulator
    totals = dict(zip(simulator.scenario.metrics, simulator.state.totals[0], strict=True))
    return recorder.metrics(simulator), totals


def test_a_request_is_attributed_to_its_refusal_to_room_or_to_what_it_lacks():
    node, (memory, time) = (
        np.zeros((1, 4, 2, len(RESOURCES)), bool),
        (RESOURCES.index(name) for name in ("memory", "time")),
    )
    node[0, 1:, 0, time] = node[0, 2:, 1, memory] = True
    outcome = np.array([[WAITING, WAITING, WAITING, REFUSED_MEMORY]])
    block = Decisions({}, np.zeros((1, 4)), np.arange(4)[None], outcome, np.zeros(0))
    found = [dict(zip(EXPIRED_CAUSES, parts, strict=True)) for parts in causes_of(block, node)[0]]
    chosen = [{name: part for name, part in parts.items() if part} for parts in found]
    assert chosen == [{"room": 1.0}, {"room": 1.0}, {"time": 0.5, "memory": 0.5}, {"memory": 1.0}]


SCARCE = {
    "memory": (greedy, lambda: {"nodes.0.memory_fraction": fraction_for(1.5)}),
    "uplink": (greedy, lambda: {"nodes.0.uplink_hz": hertz(UP_BITS, 0.6)}),
    "downlink": (greedy, lambda: {"nodes.0.downlink_hz": hertz(DOWN_BITS, 0.6)}),
    "time": (greedy, lambda: {"nodes.0.usable_flops_fraction": 0.0035}),
    "quality": (greedy, lambda: {"requests.accuracy": [0.9, 1.0]}),
    "slots": (greedy, lambda: {"slots": 1}),
    "room": (Idle, dict),
}
"""Cause -> the policy and the change of AMPLE that leave it as the only one."""


def test_with_ample_resources_no_request_expires():
    found, totals = causes(SINGLE, greedy, AMPLE)
    assert totals["arrived"] > 50
    assert totals["expired"] == 0
    assert found == {f"expired_{name}": 0.0 for name in EXPIRED_CAUSES}


@pytest.mark.parametrize("name", SCARCE)
def test_one_scarce_resource_is_the_only_cause(name):
    policy, change = SCARCE[name]
    found, totals = causes(SINGLE, policy, AMPLE | change())
    assert totals["expired"] > 10
    # A request may also lack time in the last epoch before its deadline.
    assert found[f"expired_{name}"] >= 0.97 * totals["expired"]
    others = {each: found[f"expired_{each}"] for each in EXPIRED_CAUSES if each not in ("time", name)}
    assert others == dict.fromkeys(others, 0.0)
    assert sum(found.values()) == pytest.approx(totals["expired"])


def test_a_memory_that_is_too_small_for_any_request_expires_it_on_arrival():
    found, totals = causes(SINGLE, greedy, AMPLE | {"nodes.0.memory_fraction": fraction_for(0.5)})
    assert found["expired_memory"] == totals["expired"] == totals["arrived"]


@pytest.mark.parametrize(
    "environment", ["EdgeLLM/MultiNode-v0", "EdgeLLM/Joint-v0", "EdgeLLM/Continuous-v0", "EdgeLLM/SingleNode-v0"]
)
def test_parts_add_up_to_the_expired_requests(environment):
    found, totals = causes(environment, at_random, {"slots": 10, "horizon_epochs": 25})
    assert sum(found.values()) == pytest.approx(totals["expired"])
    assert totals["expired"] > 20
    assert found["expired_slots"] > 0
    assert found["expired_uplink"] + found["expired_memory"] > 0


def test_blocks_of_epochs_change_nothing(monkeypatch):
    overrides = {"slots": 8, "horizon_epochs": 20}
    expected, _ = causes("EdgeLLM/MultiNode-v0", at_random, overrides)
    monkeypatch.setattr(decisions, "BLOCK_EPOCHS", 7)
    assert causes("EdgeLLM/MultiNode-v0", at_random, overrides)[0] == pytest.approx(expected)


def parts_of_delay(simulator):
    """[late, 3] parts of the response delay of each late request, stage by stage."""
    log, parts = simulator.state.requests, []
    for request in np.flatnonzero(log.outcome[0] == LATE):
        waiting_s = service_s = 0.0
        for stage in range(log.node.shape[2]):
            if log.node[0, request, stage]:
                waiting_s += log.start_s[0, request, stage] - log.reach_s[0, request, stage]
                service_s += log.finish_s[0, request, stage] - log.start_s[0, request, stage]
        delay_s = log.delay_s[0, request]
        parts.append([waiting_s / delay_s, service_s / delay_s, (delay_s - waiting_s - service_s) / delay_s])
    return np.array(parts)


def streaming(**overrides):
    env = gymnasium.make("EdgeLLM/EarlyExit-v0", overrides={"horizon_epochs": 10} | overrides)
    recorder = cause_recorder(env.unwrapped.scenario)
    totals = run_episode(env, make_expert("uniform", env), 1, recorder=recorder)
    return recorder.metrics(env.unwrapped.simulator), totals, env.unwrapped.simulator


def test_late_requests_are_attributed_to_where_their_delay_passed():
    found, totals, simulator = streaming()
    assert totals["late"] > 5
    assert sum(found.values()) == pytest.approx(totals["late"])
    assert list(found) == [f"late_{name}" for name in LATE_CAUSES]
    assert list(found.values()) == pytest.approx(parts_of_delay(simulator).sum(axis=0))


def test_waiting_at_overloaded_nodes_is_the_cause_of_late_requests():
    found, totals, _ = streaming(**{"arrivals.rate_per_s": 200.0})
    assert found["late_waiting"] > 0.9 * totals["late"]


def test_without_load_requests_are_late_on_their_way_alone():
    found, totals, _ = streaming(
        **{"arrivals.rate_per_s": 0.5, "requests.uplink_payload": {"probability": 1.0, "bits": [1e9, 1e9]}}
    )
    assert totals["late"] > 2
    assert found["late_transfer"] > 0.9 * totals["late"]


def test_a_comparison_shows_the_causes_and_changes_no_metric():
    overrides = {"slots": 8, "horizon_epochs": 12}
    found = compare("EdgeLLM/MultiNode-v0", ["edf", "random"], seeds=[4], overrides=overrides)
    env = gymnasium.make("EdgeLLM/MultiNode-v0", overrides=overrides)
    for policy in ("edf", "random"):
        (episode,) = found.episodes[policy]
        plain = run_episode(env, make_expert(policy, env, seed=4), 4)
        assert {name: episode[name] for name in plain if name != "decision_ms"} == {
            name: value for name, value in plain.items() if name != "decision_ms"
        }
        assert sum(episode[f"expired_{name}"] for name in EXPIRED_CAUSES) == pytest.approx(episode["expired"])
    (sheet,) = [sheet for sheet in comparison_sheets(found) if "kept them out" in sheet.title]
    expired = {row[0].text: row[1].value for row in sheet.rows}
    assert expired == {policy: found.mean(policy, "expired").mean for policy in ("edf", "random")}
    assert {row[0].text: sum(cell.value for cell in row[2:]) for row in sheet.rows} == pytest.approx(expired)


def test_networks_of_any_depth_have_causes():
    scenario = staged([1, 1, 1], slots=2, horizon_epochs=6)
    result = compare("EdgeLLM/Joint-v0", [("idle", Idle)], seeds=[0], scenario=scenario)
    (episode,) = result.episodes["idle"]
    assert episode["expired"] > 0
    assert sum(episode[f"expired_{name}"] for name in EXPIRED_CAUSES) == pytest.approx(episode["expired"])


class Malformed:
    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return [0, 1], state


@pytest.mark.parametrize("environment", ["EdgeLLM/SingleNode-v0", "EdgeLLM/EarlyExit-v0"])
def test_a_malformed_action_raises_the_error_of_the_environment(environment):
    with pytest.raises(ActionError):
        compare(environment, [("malformed", Malformed())], seeds=[0])
