"""Scenarios of networks: faults are refused with the rule, the value and a hint."""

import numpy as np
import pytest

from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.scenario.loading import scenario_names
from tests.sim.streams import staged

JOINT = load_scenario("joint").model_dump(mode="json", exclude_unset=True)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"exits.blocks": [8, 8, 8]}, "must add up to the 32 layers of llama-3-8b, got .* add up to 24"),
        ({"exits.blocks": [16, 8, 8]}, "one block for each of the 4 exits of profile .*, got 3 blocks"),
        ({"exits.blocks": []}, "exits.blocks: .*at least 1"),
        ({"exits.profile": "parametrik"}, "did you mean 'parametric'"),
        ({"exits.profile": "no/such.npz"}, "exits.profile: .*there is no file 'no/such.npz'"),
        ({"exits.profil": "x"}, "did you mean 'profile'"),
        ({"exits": None}, "dynamics 'streaming' needs exits"),
        ({"exits.drift": {"period_s": 10.0, "depth": 1.5}}, "exits.drift.depth: .*must be from 0 to 1"),
        ({"uplink_slot_s": 0.25}, "dynamics 'streaming' does not use uplink_slot_s"),
        ({"downlink_slot_s": 0.0}, "dynamics 'streaming' does not use downlink_slot_s"),  # equal to the default
        ({"slots": 8}, "dynamics 'streaming' does not use slots"),
        ({"slots": 32}, "dynamics 'streaming' does not use slots"),  # equal to the default
        ({"nodes.4.blocks": [2, 3]}, r"must host all|must follow one another.*expected a range \[1, ...\]|next stage"),
        ({"nodes.0.blocks": [0, 1]}, r"must follow one another.*expected a range \[1, ...\], got \[0, 1\]"),
        ({"nodes.0.blocks": [1, 0]}, "must follow one another"),
        ({"nodes.0.blocks": None}, "must follow one another"),
        ({"nodes.8.blocks": [2, 2], "nodes.7.blocks": [2, 2]}, "must host all 4 blocks .* end with block 2"),
        ({"links.0.target": "hub-z"}, "unknown node 'hub-z'; did you mean 'hub-"),
        ({"links.0.target": "centre-a"}, "'cell-a' in stage 1 to 'centre-a' in stage 3"),
        ({"links.0.source": "hub-a", "links.0.target": "cell-a"}, "must lead to a node of the next stage"),
        ({"links.1.target": "hub-a"}, "from 'cell-a' to 'hub-a' is given twice"),
        ({"links": []}, "node 'cell-a' in stage 1 needs a link to a node that hosts the next block"),
        ({"links.0.rate_bps": 0.0}, "links.0.rate_bps: .*in bit/s and must be from 1 to"),
        ({"links.0.rate": 1.0}, "did you mean 'rate_bps'"),
        ({"nodes.0.uplink_hz": 0.0}, "devices reach node 'cell-a' by radio.* got 0 and 1e.07"),
        ({"channel.spectral_efficiency_floor": 0.0}, "needs a channel.spectral_efficiency_floor above 0"),
        ({"channel.spectral_efficiency_floor": 9.0}, "at most spectral_efficiency_cap, got 9 and 7.4"),
        ({"nodes.0.memory_fraction": 0.05}, "the weights must fit .* node 'cell-a' has 3.20 GB"),
        ({"lengths.max_prompt_tokens": 2_000_000}, "needs .* GB of KV cache, but node 'cell-a' has"),
        ({"nodes.1.slowdown": {"from_s": 9.0, "until_s": 9.0, "factor": 2.0}}, "end after it begins, got from_s 9 and"),
        ({"nodes.1.slowdown": {"from_s": 9.0, "factor": 0.5}}, "slowdown.factor: .*must be from 1 to 1000.*0.5"),
        ({"nodes.1.slowdown": {"from_s": 9.0, "factor": 1e9}}, "slowdown.factor: .*must be from 1 to 1000"),
        ({"nodes.1.slowdown": {"from_s": -1.0, "factor": 2.0}}, "slowdown.from_s: .*in s and must be from 0"),
        ({"nodes.1.slowdown": {"from_s": 9.0}}, "slowdown.factor: this key is required"),
        ({"nodes.1.slowdown": {"from_s": 9.0, "factr": 2.0}}, "unknown key 'factr'; did you mean 'factor'"),
        ({"nodes.1.name": "cell-a"}, "node names must differ"),
        ({"reward": {"served_valu": 1.0}}, "did you mean 'served_value'"),
        ({"reward": {"expired": 1.0}}, "unknown reward term 'expired'"),
        ({"reward": {"exit_5": 1.0}}, "unknown reward term 'exit_5'; did you mean 'exit_"),
    ],
    ids=str,
)
def test_a_broken_rule_is_named(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("early-exit", overrides)


def test_a_node_without_an_incoming_link_is_refused():
    links = [link.model_dump() for link in load_scenario("early-exit").links if link.target != "hub-c"]
    with pytest.raises(ScenarioError, match="no link leads to node 'hub-c' in stage 2"):
        load_scenario("early-exit", {"links": links})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"nodes.0.blocks": [0, 0]}, "hosts the whole model on every node, got blocks .* at node 'l4-pair'"),
        ({"exits": {"profile": "parametric", "blocks": [8, 8, 8, 8]}}, "dynamics 'batching' does not use exits"),
        (
            {"nodes.0.slowdown": {"from_s": 0.0, "factor": 1.0}},
            "only dynamics 'streaming' supports slowdowns.* node 'l4-pair'",
        ),
        ({"uplink_slot_s": 0.0}, "uplink_slot_s must be above 0 where requests carry bits, got 0: .* would be refused"),
        ({"downlink_slot_s": 0.0}, "downlink_slot_s must be above 0 where requests carry bits, got 0"),
        ({"downlink_slot_s": 0.0, "requests.bits_per_token": 0.0}, "downlink_slot_s must be above 0"),
        ({"links": []}, "dynamics 'batching' does not use links"),
        ({"nodes.0.downlink_hz": 0.0}, "its uplink_hz and downlink_hz must be above 0"),
        ({"dynamics": "batch"}, "dynamics: .*'batching', 'batching_routing' or 'streaming'"),
    ],
    ids=str,
)
def test_batching_dynamics_refuse_keys_of_other_dynamics(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("single-node", overrides)


@pytest.mark.parametrize("missing", [("uplink_slot_s",), ("downlink_slot_s", "exits")])
def test_missing_keys_are_named(missing):
    data = {key: value for key, value in JOINT.items() if key not in missing}
    with pytest.raises(ScenarioError, match=f"dynamics 'batching_routing' needs {' and '.join(missing)}, not given"):
        load_scenario(data)


@pytest.mark.parametrize("name", scenario_names())
def test_what_is_dumped_can_be_loaded(name):
    scenario = load_scenario(name)
    dumped = scenario.model_dump(mode="json")
    assert load_scenario(dumped) == scenario
    assert ("slots" in dumped) == ("uplink_slot_s" in dumped) == (scenario.dynamics != "streaming")


def test_requests_without_bits_need_no_radio_slots():
    settings = {
        "uplink_slot_s": 0.0,
        "downlink_slot_s": 0.0,
        "requests.bits_per_token": 0.0,
        "requests.uplink_payload.probability": 0.0,
        "requests.downlink_payload.probability": 0.0,
    }
    env = EdgeLLMEnv("single-node", overrides=settings)
    observation, _ = env.reset(seed=0)
    action, _ = make_expert("dftsp", env).predict(observation)
    metrics = env.step(action)[-1]["metrics"]
    assert metrics["requested"] == metrics["served"] > 0


@pytest.mark.parametrize("name", ["single-node", "early-exit", "joint"])
def test_misspelt_dynamics_are_the_only_error(name):
    with pytest.raises(ScenarioError) as refused:
        load_scenario(name, {"dynamics": "batching_routin"})
    (error,) = str(refused.value).splitlines()[1:]
    assert error == "  dynamics: must be 'batching', 'batching_routing' or 'streaming' (got 'batching_routin')"


@pytest.mark.parametrize("name", ["single-node", "joint"])
def test_the_default_reward_depends_on_the_dynamics_and_a_reward_is_never_empty(name):
    data = {key: value for key, value in load_scenario(name).model_dump(mode="json").items() if key != "reward"}
    assert load_scenario(data).reward == {"served_value": 1.0}
    with pytest.raises(ScenarioError, match="reward: must have at least 1 item, got 0"):
        load_scenario(data | {"reward": {}})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"nodes": [JOINT["nodes"][node] for node in (0, 4, 1, 2, 3, 5)]}, "'deep-8bit' before 'l4-4bit'; sort nodes"),
        (
            {"nodes.5.slowdown": {"from_s": 0.0, "factor": 2.0}},
            "only dynamics 'streaming' supports slowdowns.* 'deep-4bit'",
        ),
        ({"exits": None}, "dynamics 'batching_routing' needs exits"),
        ({"downlink_slot_s": 0.0}, "downlink_slot_s must be above 0 where requests carry bits, got 0"),
        ({"uplink_slot_s": 3.8}, "must be shorter than epoch_s, got 4.2 s in an epoch of 4 s"),
        ({"nodes.3.uplink_hz": 0.0}, "devices reach node 'orin-8bit' by radio.* got 0 and 5e.06"),
        ({"nodes.4.memory_fraction": 0.2}, "the weights must fit .* takes 5.59 GB, node 'deep-8bit' has 4.80 GB"),
        ({"nodes.5.memory_fraction": 0.172}, "needs 0.302 GB of KV cache, but node 'deep-4bit' has 0.282 GB"),
        ({"nodes.5.name": "deep-8bit"}, "node names must differ"),
        ({"nodes.4.blocks": [1, 3]}, r"must follow one another.*expected a range \[2, ...\], got \[1, 3\]"),
        ({"exits.blocks": [8, 8, 8]}, "must add up to the 32 layers"),
        ({"links": []}, "node 'l4-8bit' in stage 1 needs a link"),
        ({"links.0.target": "l4-4bit"}, "must lead to a node of the next stage"),
        ({"link": []}, "unknown key 'link'; did you mean 'links'"),
        ({"exits.hiden_bits": 8}, "did you mean 'hidden_bits'"),
        ({"reward": {"forwardd": 1.0}}, "unknown reward term 'forwardd'; did you mean 'forwarded'"),
        ({"reward": {"exit_5": 1.0}}, "unknown reward term 'exit_5'; did you mean 'exit_"),
        ({"dynamics": "batching"}, "dynamics 'batching' does not use exits"),
        ({"dynamics": "streaming"}, "dynamics 'streaming' does not use downlink_slot_s"),
    ],
    ids=str,
)
def test_batching_routing_names_a_broken_rule(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("joint", overrides)


def test_batching_routing_needs_no_radio_at_deeper_nodes_no_floor_and_no_ranges_for_one_stage():
    joint = load_scenario("joint")
    assert joint.channel.spectral_efficiency_floor == 0.0
    assert [node.uplink_hz for node in joint.nodes[4:]] == [0.0, 0.0]
    assert joint.network.entry_nodes.tolist() == [0, 1, 2, 3]
    exits = {"profile": "parametric", "blocks": [8, 8, 8, 8]}
    assert load_scenario("multi-node", {"dynamics": "batching_routing", "exits": exits}).network.stages == 1


def test_stages_and_links():
    network = staged([2, 1, 2]).network
    assert network.stage.tolist() == [0, 0, 1, 2, 2]
    assert network.first_block.tolist() == [0, 0, 1, 2, 2]
    assert network.last_block.tolist() == [0, 0, 1, 3, 3]
    assert network.entry_nodes.tolist() == [0, 1]
    assert np.argwhere(network.has_link).tolist() == [[0, 2], [1, 2], [2, 3], [2, 4]]


def test_one_stage_needs_no_link_and_no_ranges():
    scenario = staged([2], **{"nodes.0.blocks": None, "nodes.1.blocks": None})
    assert scenario.network.stages == 1
    assert scenario.network.last_block.tolist() == [3, 3]


def test_nodes_hold_the_layers_that_they_host():
    scenario = load_scenario("early-exit")
    layers = [scenario.hosted_shape(node).layers for node in range(9)]
    assert layers == [8] * 7 + [16] * 2
