"""The bidding rule, and splitting an action of the single environment."""

import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="needs the extra 'multiagent'")

from edge_llm_gym.actions import ActionError
from edge_llm_gym.multiagent import joined_action, parallel_env, split_action
from edge_llm_gym.multiagent.actions import winners
from edge_llm_gym.multiagent.agents import agents_of
from edge_llm_gym.scenario import load_scenario


def test_the_highest_positive_bid_takes_a_request():
    """Slots: a clear winner, the second node, a tie, no positive bid, bids of exactly 0, a single positive bid."""
    bids = np.array(
        [[0.5, 0.2, 0.7, -0.1, 0.0, -1.0], [0.4, 0.9, 0.7, -0.2, 0.0, 0.01], [-1.0, 0.3, 0.7, -1, 0.0, 0.0]]
    )
    np.testing.assert_array_equal(winners(bids), [1, 2, 1, 0, 0, 2])


def test_random_bids_give_the_batches_of_a_plain_loop():
    scenario, rng = load_scenario("multi-node", {"slots": 40}), np.random.default_rng(0)
    agents = agents_of(scenario)
    coarse = np.round(rng.uniform(-1, 1, (4, 40)), 1)  # many ties
    weights = rng.random((4, 40, 2))
    actions = {agent.name: {"bid": coarse[k], "bandwidth": weights[k]} for k, agent in enumerate(agents)}
    joined = joined_action(actions, agents, scenario)
    for slot in range(40):
        best, node = 0.0, 0
        for k in range(4):
            if coarse[k, slot] > best:
                best, node = coarse[k, slot], k + 1
        assert joined["batch"][slot] == node
        np.testing.assert_array_equal(joined["bandwidth"][slot], weights[node - 1, slot] if node else [0.0, 0.0])


def test_each_agent_sets_its_own_rows():
    """Streaming rows are those of the devices, then those of the nodes; nodes of the last stage have no links."""
    scenario = load_scenario("early-exit")
    agents, nodes = agents_of(scenario), len(scenario.nodes)
    actions = {
        agent.name: ({"offload": np.full(nodes, 0.01 * index)} if agent.routes else {})
        | ({"threshold": [0.1 * index]} if agent.sets_threshold else {})
        for index, agent in enumerate(agents)
    }
    joined = joined_action(actions, agents, scenario)
    np.testing.assert_allclose(joined["threshold"], 0.1 * np.arange(9), rtol=1e-6)
    rows = np.concatenate([np.arange(9, 29), np.arange(7), [0, 0]])
    np.testing.assert_allclose(joined["offload"], np.tile(0.01 * rows[:, None], nodes), rtol=1e-6)
    assert [agent.name for agent in agents][6:11] == ["hub-c", "centre-a", "centre-b", "device-0", "device-1"]


def test_deep_nodes_do_not_bid():
    env = parallel_env("EdgeLLM/Joint-v0")
    assert set(env.action_space("l4-8bit").spaces) == {"bid", "bandwidth", "offload", "threshold"}
    assert set(env.action_space("deep-4bit").spaces) == {"threshold"}
    assert set(parallel_env("EdgeLLM/SingleNode-v0").action_space("l4-pair").spaces) == {"bid", "bandwidth"}
    assert set(parallel_env("EdgeLLM/EarlyExit-v0").action_space("device-19").spaces) == {"offload"}


def test_joining_undoes_splitting(environment):
    env = parallel_env(environment)
    env.env.action_space.seed(1)
    action, agents = env.env.action_space.sample(), agents_of(env.scenario)
    parts = split_action(action, agents, env.scenario)
    assert all(env.action_space(agent).contains(parts[agent]) for agent in env.possible_agents)
    joined = joined_action(parts, agents, env.scenario)
    assert set(joined) == set(action)
    for key in {"batch", "threshold"} & set(action):
        np.testing.assert_array_equal(joined[key], action[key])
    first_node = 20 if env.scenario.dynamics == "streaming" else 0
    for agent in [agent for agent in agents if agent.routes]:
        row = agent.device if agent.node is None else first_node + agent.node
        np.testing.assert_array_equal(joined["offload"][row], action["offload"][row])
    if "batch" in action:
        taken = action["batch"] > 0
        np.testing.assert_array_equal(joined["bandwidth"][taken], action["bandwidth"][taken])


def test_an_action_without_a_part_cannot_be_split():
    scenario = load_scenario("joint")
    with pytest.raises(ActionError, match=r"has the key 'batch'.*\['bandwidth'"):
        split_action(dict.fromkeys(("bandwidth", "offload", "threshold")), agents_of(scenario), scenario)


def test_names_of_devices_avoid_those_of_nodes():
    scenario = load_scenario("early-exit")
    data = scenario.model_dump(mode="json")
    for node in data["nodes"]:
        node["name"] = {"centre-b": "device-3"}.get(node["name"], node["name"])
    for link in data["links"]:
        link["target"] = {"centre-b": "device-3"}.get(link["target"], link["target"])
    names = [agent.name for agent in agents_of(load_scenario(data))]
    assert len(set(names)) == 29
    assert names[8] == "device-3"
    assert names[9 + 3] == "device-3_"
