"""The flat layouts against the action spaces of all codecs."""

import pytest

from edge_llm_gym.codecs import CODECS, make_codec
from edge_llm_gym.sb3.layouts import blocks_of, flat_size
from edge_llm_gym.sb3.policies import check_layout
from edge_llm_gym.scenario import load_scenario

SETTINGS = {
    ("batching", "priority"): [{}, {"caps": True}],
    ("batching", "priced"): [{}, {"pairs": True}],
    ("batching", "multidiscrete"): [{}],
    ("batching", "box"): [{}],
    ("batching", "weighted_priority"): [{}],
    ("batching", "dispatch_rule"): [{}],
    ("batching", "parameters"): [{}],
    ("batching", "prices"): [{}],
    ("batching_routing", "prices"): [{"candidates": 2}],
    ("streaming", "parameters"): [{}],
    ("batching_routing", "parameters"): [{"search": "exact"}],
    ("streaming", "box"): [{}],
    ("streaming", "residual_routing"): [{}],
    ("streaming", "multidiscrete"): [{}, {"levels": 3}],
    ("batching_routing", "priority"): [{}, {"caps": True}],
    ("batching_routing", "priced"): [{}, {"pairs": True}],
    ("batching_routing", "multidiscrete"): [{}, {"levels": 3}],
    ("batching_routing", "box"): [{}],
}
SCENARIO = {"batching": "multi-node", "streaming": "early-exit", "batching_routing": "joint"}
CASES = [(*key, settings) for key, choices in SETTINGS.items() for settings in choices]


@pytest.mark.parametrize(("dynamics", "name", "settings"), CASES)
def test_layouts_make_up_the_space_of_their_codec(dynamics, name, settings):
    scenario = load_scenario(SCENARIO[dynamics])
    codec, blocks = make_codec(name, scenario, **settings), blocks_of(name, settings, scenario)
    items = scenario.devices.count + len(scenario.nodes) if dynamics == "streaming" else scenario.slots
    nodes = scenario.network.entry_nodes.size if dynamics == "batching_routing" else len(scenario.nodes)
    check_layout(blocks, (items, nodes), codec.space)
    assert flat_size(blocks, (items, nodes)) > 0


def test_every_codec_has_a_layout():
    assert {(dynamics, name) for dynamics, table in CODECS.items() for name in table} == set(SETTINGS)


def test_layouts_of_other_sizes_are_refused():
    scenario = load_scenario("multi-node")
    with pytest.raises(ValueError, match="make 128 numbers for 32 items and 4 nodes"):
        check_layout(blocks_of("priority", {}, scenario), (32, 4), make_codec("priced", scenario).space)
    with pytest.raises(ValueError, match="cannot act through codec 'priced' with dynamics 'streaming'"):
        blocks_of("priced", {}, load_scenario("early-exit"))
