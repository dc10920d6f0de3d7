"""Local observations: what they hold, and what they must not reveal."""

import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="needs the extra 'multiagent'")

from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.multiagent import SplitPolicy, parallel_env
from edge_llm_gym.multiagent.agents import agents_of
from edge_llm_gym.multiagent.confidence import own_confidence
from edge_llm_gym.multiagent.observations import LocalObservation
from edge_llm_gym.sim.simulator import Simulator
from tests.equality import assert_same, differs
from tests.multiagent.chains import chain


def played(env, expert, epochs: int = 5):
    """Observations of all agents after some epochs of an expert."""
    seen, _ = env.reset(seed=4)
    split, memory = SplitPolicy(expert, env), None
    for _ in range(epochs):
        actions, memory = split.predict(env.global_observation(), memory)
        seen, *_ = env.step(actions)
    return seen


def observed(env) -> dict:
    """Local observations of the simulator as it is now."""
    simulator = env.env.simulator
    single = {key: rows[0] for key, rows in interface_of(env.scenario).observer(simulator).observe().items()}
    return LocalObservation(agents_of(env.scenario), env.env.observation_space, simulator).observe(single, simulator)


def burden(simulator: Simulator, node: int) -> None:
    """Changes the load of a node, and the confidences that it has computed."""
    state, network = simulator.state, simulator.parameters.network
    epoch, stage = int(state.epoch[0]), network.stage[node]
    LOADS[simulator.scenario.variant](state, node, epoch)
    requests = np.flatnonzero(state.requests.node[0, :, stage] == node + 1)
    hosted = slice(network.first_block[node], network.last_block[node] + 1)
    simulator.tape.exits.confidence[0, requests, hosted] = 0.99
    if simulator.scenario.dynamics != "streaming" and stage == 0:
        simulator.tape.channels.spectral_efficiency[0, epoch, :, node] *= 0.5


def _burden_batches(state, node, epoch):
    state.node_free_s[0, node] += 7.0
    state.batches.end_s[0, node, epoch - 1], state.batches.kv_bytes[0, node, epoch - 1] = 1e6, 1e8


def _burden_sequences(state, node, epoch):
    state.nodes.reserved_tokens[0, node] += 100
    state.nodes.boundary_s[0, node] += 7.0


def _burden_servers(state, node, epoch):
    state.servers.committed_s[0, node] += 7.0
    state.servers.busy_last_s[0, node] *= 0.5
    state.sent_last[0, node] += 3
    state.open_visits[0, node] += 2


LOADS = {
    "batching": _burden_batches,
    "batching_routing": _burden_batches,
    "continuous_batching": _burden_sequences,
    "streaming": _burden_servers,
}


def test_the_load_of_a_node_shows_to_itself_alone(environment, expert):
    env = parallel_env(environment)
    before, nodes = played(env, expert), [agent for agent in agents_of(env.scenario) if agent.node is not None]
    assert_same(observed(env), before)
    for one in nodes:
        burden(env.env.simulator, one.node)
        after = observed(env)
        for agent in env.possible_agents:
            if agent != one.name:
                assert_same(after[agent], before[agent], f"{one.name} to {agent}")
        assert differs(after[one.name], before[one.name]), one.name
        if "exit_confidence" in before[one.name] and before[one.name]["exit_confidence"].any():
            assert not np.array_equal(after[one.name]["exit_confidence"], before[one.name]["exit_confidence"])
        before = after


def test_a_device_sees_its_own_arrivals_and_links():
    env = parallel_env("EdgeLLM/EarlyExit-v0")
    before = played(env, "dto-ee", epochs=2)
    simulator = env.env.simulator
    simulator.state.arrived_last[0, 3] += 1
    simulator.tape.channels.spectral_efficiency[0, 2, 3] *= 0.5
    after = observed(env)
    changed = {agent for agent in env.possible_agents if differs(after[agent], before[agent])}
    assert changed == {"device-3"}
    assert set(after["device-3"]) == {"arrivals", "spectral_efficiency"}
    np.testing.assert_allclose(after["device-3"]["spectral_efficiency"], before["device-3"]["spectral_efficiency"] / 2)


def test_parts_are_those_of_the_single_observation():
    env = parallel_env("EdgeLLM/Joint-v0")
    seen, single = played(env, "edf+dto-ee"), env.global_observation()
    entry, deep = seen["orin-gptq"], seen["deep-4bit"]
    np.testing.assert_array_equal(entry["requests"], single["requests"])
    np.testing.assert_array_equal(entry["request_mask"], single["request_mask"])
    np.testing.assert_array_equal(entry["spectral_efficiency"], single["spectral_efficiency"][:, 2])
    np.testing.assert_array_equal(entry["node"], single["nodes"][2])
    np.testing.assert_array_equal(entry["links"], single["links"][2])
    np.testing.assert_array_equal(deep["node"], single["nodes"][5])
    assert set(deep) == {"node", "exit_confidence"}
    assert single["nodes"][5][0] > 0.0
    entry["requests"][:] = 9.0
    assert seen["l4-8bit"]["requests"].max() <= 1.0
    assert env.global_observation()["requests"].max() <= 1.0


@pytest.mark.parametrize(
    ("name", "nodes", "expert"),
    [("joint", ["l4-8bit", "deep-8bit"], "edf+dto-ee"), ("early-exit", ["cell-a", "hub-a", "centre-a"], "dto-ee")],
)
def test_in_a_chain_of_nodes_own_confidences_are_those_of_the_network(name, nodes, expert):
    environment = {"joint": "EdgeLLM/Joint-v0", "early-exit": "EdgeLLM/EarlyExit-v0"}[name]
    env = parallel_env(environment, scenario=chain(name, nodes, **{"arrivals.rate_per_s": 2.0}))
    played(env, expert, epochs=12)
    own = np.concatenate([own_confidence(env.env.simulator, node) for node in range(len(nodes))])
    np.testing.assert_array_equal(own, env.global_observation()["exit_confidence"])
    assert own[0].min() > 0.0
