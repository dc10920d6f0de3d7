"""What a node offers: bits of embedding and output head count in its memory and in the bytes of a decode step."""

import pytest

from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.sim.node_costs import node_costs

MODEL = {"layers": 2, "d_model": 8, "heads": 4, "kv_heads": 2, "d_ff": 12, "gated": True}
MODEL |= {"vocabulary": 1_000_000_000, "tied_head": False}
METHOD = {"weight_bits": 4.0, "table_bits": 2.0, "lossless": True}
OWN = {"model": MODEL, "nodes.0.quantization": METHOD, "nodes.0.hardware": "nvidia-l4", "nodes.0.count": 1}


def test_bits_of_the_tables_count_in_memory_and_in_decode_steps():
    # A layer has 480 elements, embedding and head 8e9 each: at 2 bits 2e9 bytes each.
    (costs,) = node_costs(load_scenario("single-node", OWN | {"nodes.0.memory_fraction": 0.5}))
    assert costs.streamed_bytes == 2 * 480 / 2 + 2e9
    assert costs.kv_capacity_bytes == 12e9 - (2 * 480 / 2 + 4e9)


def test_weights_must_fit_with_the_bits_of_the_tables():
    load_scenario("single-node", OWN | {"nodes.0.memory_fraction": 0.17})
    with pytest.raises(ScenarioError, match=r"own as own takes 4.00 GB, node 'l4-pair' has 3.84 GB"):
        load_scenario("single-node", OWN | {"nodes.0.memory_fraction": 0.16})
