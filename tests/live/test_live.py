"""Live decisions against the environment: records taken from the simulator's state give its observation and action."""

import dataclasses

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401 - registers the environments
from edge_llm_gym.experts import make_expert
from edge_llm_gym.live import LiveError, LiveScheduler, NodeState, Request
from edge_llm_gym.sim.pooled.observation import CONTINUOUS_NODE_FEATURES, NODE_FEATURES

POOLED = ("SingleNode", "MultiNode", "Continuous", "Joint")
EXPERTS = {"SingleNode": "dftsp", "MultiNode": "ot-gah", "Continuous": "ot-gah", "Joint": "ot-gah+dto-ee"}
EASY = {"prompt_tokens": 100, "output_tokens": 20, "time_left_s": 12.0}


def _requests(env):
    """The waiting requests of an environment as records, in plain units, in no particular order."""
    simulator = env.unwrapped.simulator
    scenario, tape, state = simulator.scenario, simulator.tape, simulator.state
    epoch, queue = int(state.epoch[0]), state.queue
    now_s = (epoch + 1) * scenario.epoch_s
    names = [scenario.nodes[index].name for index in scenario.network.entry_nodes]
    rows = tape.requests
    waiting = np.sort(queue.request[0, : queue.length[0]])
    return [
        Request(
            id=int(one),
            prompt_tokens=int(rows.prompt_tokens[0, one]),
            output_tokens=int(rows.predicted_tokens[0, one]),
            time_left_s=float(rows.deadline_s[0, one] - now_s),
            waited_s=float(now_s - rows.arrival_s[0, one]),
            uplink_bits=float(rows.bits[0, one, 0]),
            downlink_bits=float(rows.bits[0, one, 1]),
            quality_demand=float(rows.quality_demand[0, one]),
            value=float(rows.value[0, one]),
            spectral_efficiency=dict(
                zip(names, tape.channels.spectral_efficiency[0, epoch, rows.device[0, one]].tolist(), strict=True)
            ),
        )
        for one in waiting
    ]


def _node_states(env, observation):
    """Node states in plain units; what is no plain number of the simulator's state is scaled back by hand."""
    scenario, simulator = env.unwrapped.scenario, env.unwrapped.simulator
    columns = CONTINUOUS_NODE_FEATURES if scenario.batching == "continuous" else NODE_FEATURES
    features = dict(zip(columns, observation["nodes"].astype(float).T, strict=False))
    capacity = simulator.parameters.kv_capacity_bytes
    states = {}
    for index, node in enumerate(scenario.nodes):
        more = {}
        if scenario.batching == "continuous":
            more = {
                "sequences": round(features["sequences"][index] * scenario.slots),
                "remaining_work_s": features["remaining_work"][index] * scenario.epoch_s,
                "slack_s": features["slack"][index] * scenario.max_budget_s,
            }
        states[node.name] = NodeState(
            busy_s=features["time_until_free"][index] * scenario.epoch_s + scenario.uplink_slot_s,
            free_kv_bytes=features["free_kv_bytes"][index] * capacity[index],
            **more,
        )
    return states


@pytest.mark.parametrize("name", POOLED)
def test_records_of_the_simulators_state_give_its_observation_and_the_experts_action(name):
    env = gymnasium.make(f"EdgeLLM/{name}-v0", overrides={"horizon_epochs": 12, "slots": 16})
    live = LiveScheduler(env.unwrapped.scenario, EXPERTS[name])
    expert, memory = make_expert(EXPERTS[name], env), None
    observation, info = env.reset(seed=3)
    hidden, admitted, ended = 0, 0, False
    while not ended:
        requests, states = _requests(env), _node_states(env, observation)
        arrived = int(info["metrics"]["arrived"])
        seen = live.observe(requests, states, arrived)
        for key in observation.keys() - {"exit_confidence"}:
            np.testing.assert_allclose(seen[key], observation[key], rtol=2e-6, atol=1e-7, err_msg=key)
        hidden += observation["backlog"][0] > 0
        action, memory = expert.predict(observation, memory)
        if name != "Joint":  # which also depends on the confidences seen
            schedule = live.decide(requests, states, arrived)
            _assert_same(schedule, action, requests, env.unwrapped.scenario)
            admitted += len(schedule.assignments)
        observation, _, _, ended, info = env.step(action)
    assert hidden > 0
    assert admitted > 0 or name == "Joint"


def _assert_same(schedule, action, requests, scenario):
    shown = sorted(requests, key=lambda one: one.time_left_s)[: scenario.slots]
    expected = {shown[slot].id: scenario.nodes[node - 1].name for slot, node in enumerate(action["batch"]) if node}
    assert {one.request: one.node for one in schedule.assignments} == expected
    assert set(schedule.waiting) == {one.id for one in requests} - set(expected)
    for node in scenario.nodes:
        on_node = schedule.on(node.name)
        slots = [slot for slot, one in enumerate(shown) if expected.get(one.id) == node.name]
        weights = action["bandwidth"][slots].astype(float)
        for index, slot in enumerate(slots):
            (one,) = [each for each in on_node if each.request == shown[slot].id]
            assert one.uplink_share == pytest.approx(weights[index, 0] / weights[:, 0].sum())
            assert one.downlink_hz == pytest.approx(weights[index, 1] / weights[:, 1].sum() * node.downlink_hz)


def _reachable(scenario, **changes):
    efficiency = {scenario.nodes[index].name: (3.0, 3.0) for index in scenario.network.entry_nodes}
    return Request(**({"id": "a", "spectral_efficiency": efficiency} | EASY | changes))


def test_a_joint_decision_names_routes_and_thresholds():
    live = LiveScheduler("joint", "ot-gah+dto-ee")
    exits = len(live.scenario.block_layers)
    schedule = live.decide([_reachable(live.scenario)], confidences=[[0.2, 0.7, 0.9]] * exits)
    entry = {live.scenario.nodes[index].name for index in live.scenario.network.entry_nodes}
    assert schedule.offload.keys() == entry
    for shares in schedule.offload.values():
        assert sum(shares.values()) == pytest.approx(1.0)
    assert schedule.threshold.keys() == {node.name for node in live.scenario.nodes}


def test_confidences_are_observed_as_their_quantiles():
    live = LiveScheduler("joint", "ot-gah+dto-ee")
    exits = len(live.scenario.block_layers)
    seen = live.observe([], confidences=[np.linspace(0.0, 1.0, 101)] + [[]] * (exits - 1))
    np.testing.assert_allclose(seen["exit_confidence"][0], (0.1, 0.25, 0.5, 0.75, 0.9), atol=1e-6)
    assert not seen["exit_confidence"][1:].any()


def test_equal_shares_where_a_policy_gives_no_weight():
    class EverythingOnTheFirst:
        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            return {"batch": observation["request_mask"].astype(int), "bandwidth": np.zeros((32, 2))}, None

    live = LiveScheduler("multi-node", EverythingOnTheFirst())
    schedule = live.decide([_reachable(live.scenario, id=one) for one in range(4)])
    first = live.scenario.nodes[0]
    assert [one.node for one in schedule.assignments] == [first.name] * 4
    assert [one.uplink_share for one in schedule.assignments] == [0.25] * 4
    assert schedule.assignments[0].uplink_hz == first.uplink_hz / 4


def test_a_policy_with_a_memory_gets_it_back():
    class Counts:
        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            self.state = state
            batch = np.zeros(32, int)
            return {"batch": batch, "bandwidth": np.zeros((32, 2))}, (state or 0) + 1

    policy = Counts()
    live = LiveScheduler("multi-node", policy)
    for _ in range(3):
        live.decide([])
    assert policy.state == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt_tokens": 10**6}, "request 'a': prompt_tokens must lie between 0 and"),
        ({"time_left_s": 1e6}, "request 'a': time_left must lie between 0 and"),
        ({"time_left_s": float("nan")}, "request 'a': time_left must lie between"),
        ({"value": -1.0}, "request 'a': value must lie between"),
        ({"spectral_efficiency": {"nowhere": (1.0, 1.0)}}, "request 'a': spectral_efficiency: unknown node 'nowhere'"),
        ({"spectral_efficiency": {"centre": (1.0,)}}, "request 'a': spectral_efficiency"),
    ],
)
def test_a_request_outside_the_scenario_is_refused(changes, message):
    live = LiveScheduler("multi-node", "edf")
    with pytest.raises(LiveError, match=message):
        live.decide([_reachable(live.scenario, **changes)])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (NodeState(busy_s=-1.0), "busy_s must be 0 or more, got -1.0"),
        (NodeState(free_kv_bytes=1e15), "free_kv_bytes must be at most"),
        (NodeState(busy_s=float("nan")), "busy_s must be 0 or more, got nan"),
    ],
)
def test_a_node_state_out_of_range_is_refused(state, message):
    live = LiveScheduler("multi-node", "edf")
    with pytest.raises(LiveError, match=message):
        live.decide([], {live.scenario.nodes[0].name: state})


def test_unknown_nodes_repeated_ids_and_streaming_are_refused():
    live = LiveScheduler("multi-node", "edf")
    with pytest.raises(LiveError, match="node states: unknown node 'x'"):
        live.decide([], {"x": NodeState()})
    with pytest.raises(LiveError, match="an id of its own, got 'a' 2 times"):
        live.decide([_reachable(live.scenario)] * 2)
    with pytest.raises(LiveError, match="dynamics 'streaming' has none"):
        LiveScheduler("early-exit", "dto-ee")
    joint = LiveScheduler("joint", "ot-gah+dto-ee")
    with pytest.raises(LiveError, match="one sequence for each of the"):
        joint.decide([], confidences=[[0.5]])


def test_a_request_without_time_left_waits():
    live = LiveScheduler("multi-node", "ot-gah")
    late, easy = _reachable(live.scenario, id="late", time_left_s=-1.0), _reachable(live.scenario)
    schedule = live.decide([late, easy])
    assert schedule.waiting == ("late",)
    assert [one.request for one in schedule.assignments] == ["a"]


def test_records_are_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        NodeState().busy_s = 1.0
