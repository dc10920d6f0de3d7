"""Tapes of batching-and-routing dynamics: costs by block against the cost model, profile rows, routes and limits."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from edge_llm_gym.models import cost
from edge_llm_gym.models.exits import ExitProfile, exit_profile, save_profile
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sim.columns import KV, WORK
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import costs_of_tape, node_of_hosted
from tests.sim.times_by_hand import times_by_hand

SHORT = {"horizon_epochs": 15}
UNEVEN = {"exits.blocks": [2, 14, 9, 7]}


def drawn(name: str = "joint", **overrides) -> tuple[Simulator, int]:
    simulator = Simulator(load_scenario(name, SHORT | overrides))
    simulator.reset(0, np.random.default_rng(0))
    return simulator, int(simulator.tape.requests.length[0])


def through_block(scenario: Scenario, node: int, block: int, prompt, output) -> tuple[np.ndarray, np.ndarray]:
    """w and v of the layers of a node from its first block through one, each block with an output head at its end."""
    first = (scenario.nodes[node].blocks or (0, 0))[0]
    layers = scenario.block_layers[first : block + 1]
    times_s = [times_by_hand(scenario, node, each, prompt, output) for each in layers]
    return np.sum(times_s, axis=0)


def whole_model(scenario: Scenario, prompt, output) -> np.ndarray:
    """[3, n, K] w, v and caches of the whole model on each node."""
    computed, columns = np.full_like(prompt, 4096) if scenario.pad_prompts else prompt, []
    for node, section in enumerate(scenario.nodes):
        times_s = times_by_hand(scenario, node, scenario.shape.layers, computed, output)
        kv_bits = section.method(scenario.shape.name).kv_bits
        columns.append((*times_s, cost.kv_bytes(scenario.shape, computed, output, kv_bits)))
    return np.array(columns).transpose(1, 2, 0)


@pytest.mark.parametrize(
    "overrides", [{}, UNEVEN, {"lm_head": False}, {"cost": "compute"}, {"pad_prompts": True}], ids=str
)
def test_hosted_blocks_cost_what_the_cost_model_says(overrides):
    simulator, size = drawn(**overrides)
    scenario, tape, index = simulator.scenario, simulator.tape, 0
    found_work_s, found_shared_s, _ = costs_of_tape(simulator)
    prompt, output = (
        tape.requests.prompt_tokens[0, :size].astype(float),
        tape.requests.output_tokens[0, :size].astype(float),
    )
    computed = np.full(size, 4096.0) if scenario.pad_prompts else prompt
    for node, section in enumerate(scenario.nodes):
        first, last = section.blocks
        for block in range(first, last + 1):
            work_s, shared_s = through_block(scenario, node, block, computed, output)
            np.testing.assert_allclose(found_work_s[:, index], work_s, rtol=1e-9)
            np.testing.assert_allclose(found_shared_s[:, index], shared_s, rtol=1e-9)
            index += 1
    assert index == found_work_s.shape[1] == 12


@pytest.mark.parametrize("overrides", [{}, UNEVEN], ids=str)
def test_caches_are_those_of_the_layers_that_a_node_hosts(overrides):
    simulator, size = drawn(**overrides)
    scenario, tape = simulator.scenario, simulator.tape
    prompt, output = tape.requests.prompt_tokens[0, :size], tape.requests.output_tokens[0, :size]
    found = costs_of_tape(simulator)[KV]
    for node, section in enumerate(scenario.nodes):
        layers = sum(scenario.block_layers[section.blocks[0] : section.blocks[1] + 1])
        shape = replace(scenario.shape, layers=layers)
        kv_bytes = cost.kv_bytes(shape, prompt, output, section.method(scenario.shape.name).kv_bits)
        for index in np.flatnonzero(node_of_hosted(simulator) == node):
            np.testing.assert_allclose(found[:, index], kv_bytes)
    half = found[:, 0] + found[:, -1]
    np.testing.assert_allclose(half, cost.kv_bytes(scenario.shape, prompt, output, 16))


def test_one_stage_with_one_exit_costs_what_the_whole_model_costs_in_epoch_admission(tmp_path):
    """Padded prompts fill the memory too."""
    save_profile(ExitProfile("whole", np.ones((4, 1)), np.ones((4, 1), bool)), tmp_path / "whole.npz")
    exits = {"profile": str(tmp_path / "whole.npz"), "blocks": [32]}
    for settings in ({}, {"pad_prompts": True}, {"cost": "compute", "lm_head": False}):
        simulator, size = drawn("multi-node", dynamics="batching_routing", exits=exits, **settings)
        tape, scenario = simulator.tape, simulator.scenario
        tokens = tape.requests.prompt_tokens[0, :size], tape.requests.output_tokens[0, :size]
        np.testing.assert_allclose(costs_of_tape(simulator), whole_model(scenario, *tokens))


def test_without_heads_four_blocks_in_one_stage_cost_what_the_whole_model_costs():
    settings = {"cost": "compute", "lm_head": False, "exits": {"profile": "parametric", "blocks": [8] * 4}}
    simulator, size = drawn("multi-node", dynamics="batching_routing", **settings)
    tape, scenario = simulator.tape, simulator.scenario
    tokens = tape.requests.prompt_tokens[0, :size], tape.requests.output_tokens[0, :size]
    work_s, _, _ = whole_model(scenario, *tokens)
    np.testing.assert_allclose(costs_of_tape(simulator)[WORK][:, 3::4], work_s)
    np.testing.assert_allclose(costs_of_tape(simulator)[WORK][:, 0::4], work_s / 4)


def test_the_latest_start_is_that_of_the_first_exit_of_an_entry_node():
    simulator, size = drawn(**{"requests.accuracy": [0.5, 0.74], "nodes.1.quantization": "w3a16-gptq"})
    tape = simulator.tape
    first = np.array([0, 2, 4, 6])  # two blocks on each of four entry nodes
    work_s, shared_s, _ = costs_of_tape(simulator)
    alone_s = (work_s + shared_s)[:, first]
    latest_s = tape.requests.deadline_s[0, :size, None] - 0.4 - alone_s
    np.testing.assert_allclose(tape.latest_start_s[0, :size], latest_s)


def test_a_request_can_never_start_on_a_node_whose_quality_factor_is_below_its_demand():
    """No exit is more accurate than the last one on the same rows, so the factor bounds the quality."""
    scale = {"nodes.1.perplexity": [0.9, 1.0], "requests.accuracy": [0.85, 1.0]}
    simulator, size = drawn(**scale)
    demand, never = simulator.tape.requests.quality_demand[0, :size], simulator.tape.latest_start_s[0, :size] == -np.inf
    np.testing.assert_array_equal(never, demand[:, None] > simulator.parameters.quality[:4])
    assert 10 < never[:, 1].sum() < size - 10


@pytest.mark.parametrize("pad_prompts", [False, True])
def test_the_prefill_forwards_the_prompt_at_once_and_each_later_token_makes_a_round_trip(pad_prompts):
    simulator, size = drawn(**{"exits.hidden_bits": 8.0, "pad_prompts": pad_prompts})
    requests, exits = simulator.tape.requests, simulator.tape.exits
    prompt = np.full(size, 4096) if pad_prompts else requests.prompt_tokens[0, :size]
    np.testing.assert_allclose(exits.forward_bits[0, :size], prompt * (4096 * 8.0 + 32.0))
    np.testing.assert_array_equal(exits.round_trips[0, :size], requests.output_tokens[0, :size] - 1)
    assert simulator.parameters.network.round_trip_bits == 4096 * 8.0 + 2 * 32.0


MANY = {"arrivals": {"process": "poisson", "rate_per_s": 200.0}, "horizon_epochs": 25, "exits.drift": None}


@pytest.mark.compiled
def test_routes_are_uniform_and_rows_are_whole_and_uniform():
    simulator, size = drawn(**MANY)
    tape, profile = simulator.tape, exit_profile(simulator.scenario.exits.profile)
    assert size > 15_000
    for stage in range(2):
        assert stats.kstest(tape.exits.route[0, :size, stage], "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(tape.exits.route[0, :size].T)[0, 1]) < 4 / np.sqrt(size)
    known = {(*confidence, *right) for confidence, right in zip(profile.confidence, profile.correct, strict=True)}
    rows = zip(tape.exits.confidence[0, :size], tape.exits.correct[0, :size], strict=True)
    assert {(*confidence, *right) for confidence, right in rows} <= known
    np.testing.assert_allclose(
        tape.exits.correct[0, :size].mean(axis=0), profile.accuracy, atol=4 * 0.5 / np.sqrt(size)
    )
    assert stats.ks_2samp(tape.exits.confidence[0, :size, 0], profile.confidence[:, 0]).pvalue > 1e-4


def test_drift_changes_only_which_rows_are_drawn():
    (simulator, size), (without, _) = drawn(), drawn(**{"exits.drift": None})
    for (field, array), (_, other) in zip(leaves(simulator.tape), leaves(without.tape), strict=True):
        same = np.array_equal(array, other)
        assert same == (field not in ("exits.confidence", "exits.correct")), field
    assert size > 100
