"""Cost drivers and coefficients of a tiny model by hand, and simulated costs of each cost model, array by array."""

import numpy as np
import pytest
import yaml

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.request_costs import RequestCosts

TINY = {"layers": 4, "d_model": 16, "heads": 4, "kv_heads": 2, "d_ff": 40, "gated": True, "vocabulary": 50}
PARAMETERS = 2 * 16 * (16 + 8) + 3 * 16 * 40  # 2688 of a layer
HEAD = 16 * 50
NODE = {
    "name": "board",
    "hardware": "jetson-tx2",
    "usable_flops_fraction": 0.25,
    "usable_bandwidth_fraction": 0.5,
    "step_overhead_s": 0.004,
    "prefill_overhead_s": 0.02,
    "position_m": [0, 0],
    "uplink_hz": 1e6,
    "downlink_hz": 1e6,
}
USABLE_FLOPS, USABLE_BANDWIDTH = 1.33e12 * 0.25, 59.7e9 * 0.5
PROMPT, OUTPUT = np.array([3, 5, 0]), np.array([1, 4, 0])


def costs_of(**settings) -> RequestCosts:
    return RequestCosts(load_scenario("single-node", {"model": TINY, "nodes": [NODE]} | settings))


def test_drivers_by_hand() -> None:
    # Prefill of one layer: 2 * 2688 FLOPs per token and 4 * 16 per pair of tokens. Contexts of the second request: 6, 7
    # and 8. The third slot is empty.
    expected = [[1, 3 * 5376 + 9 * 64, 0, 0, 4], [1, 5 * 5376 + 25 * 64, 3, 21, 9], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(costs_of().drivers(PROMPT, OUTPUT), expected)


def test_coefficients_of_compute_by_hand() -> None:
    expected = np.zeros((1, 5, 3))
    work = [2 * HEAD, 4, 4 * 5376 + 2 * HEAD, 4 * 64, 0]
    expected[0, :, WORK] = np.array(work) / USABLE_FLOPS
    expected[0, 4, KV] = 4 * 16 * 2
    np.testing.assert_allclose(costs_of(cost="compute").cost_coefficients, expected, rtol=1e-12)


@pytest.mark.parametrize("head", [True, False])
def test_coefficients_of_roofline_by_hand(head: bool) -> None:
    # Without a head, neither its FLOPs nor its bytes count.
    expected, head_elements = np.zeros((1, 5, 3)), HEAD if head else 0
    expected[0, :4, WORK] = [
        0.02 + 2 * head_elements / USABLE_FLOPS,
        4 / USABLE_FLOPS,
        0.2 * (4 * 5376 + 2 * head_elements) / USABLE_FLOPS,
        4 * 16 * 2 / USABLE_BANDWIDTH,
    ]
    expected[0, 2, SHARED] = 0.004 + 2 * (4 * PARAMETERS + head_elements) / USABLE_BANDWIDTH
    expected[0, 4, KV] = 4 * 16 * 2
    costs = costs_of(cost="roofline", lm_head=head)
    np.testing.assert_allclose(costs.cost_coefficients, expected, rtol=1e-12)
    assert costs.nodes[0].streamed_bytes == 2 * (4 * PARAMETERS + head_elements)


def measured_settings(tmp_path, **row) -> dict:
    decode = {"c0_s": 0.5, "c1_s": 0.01, "c2_s_per_token": 0.001, "max_batch": 4, "max_context_tokens": 100}
    prefill = {"p0_s": 0.25, "p1_s_per_flop": 1e-5, "max_prompt_tokens": 100}
    rows = [{"model": "own", "weight_bits": 16, "decode": decode, "prefill": prefill} | row]
    file = tmp_path / "board.yaml"
    file.write_text(yaml.safe_dump({"device": "board", "source": "by hand", "rows": rows}))
    node = {key: NODE[key] for key in ("name", "hardware", "position_m", "uplink_hz", "downlink_hz")}
    return {"cost": "measured", "nodes": [node | {"hardware_profile": str(file)}]}


def test_costs_of_measured_by_hand(tmp_path) -> None:
    costs = costs_of(**measured_settings(tmp_path))
    work_s, shared_s, kv_bytes = costs.costs(PROMPT, OUTPUT)
    flops = 4 * np.array([3 * 5376 + 9 * 64, 5 * 5376 + 25 * 64]) + 2 * HEAD
    expected_s = 0.25 + 1e-5 * flops + [0.0, 3 * 0.01 + 21 * 0.001]
    np.testing.assert_allclose(work_s[:, 0], [*expected_s, 0.0], rtol=1e-12)
    np.testing.assert_allclose(shared_s[:, 0], [0.0, 1.5, 0.0])
    np.testing.assert_allclose(kv_bytes[:, 0], [4 * 128, 9 * 128, 0])


@pytest.mark.parametrize("head", [True, False])
def test_features_of_a_measured_node_are_the_rates_that_its_times_amount_to(tmp_path, head: bool) -> None:
    # Fitted times are those of the model with its head, whether or not the scenario counts it.
    settings = measured_settings(tmp_path) | {"lm_head": head}
    rates = node_costs(load_scenario("single-node", {"model": TINY} | settings))[0].rates
    streamed_bytes = 2 * (4 * PARAMETERS + HEAD)
    assert (rates.usable_flops, rates.usable_bandwidth) == pytest.approx((1e5, streamed_bytes / 0.5))


def test_blocks_of_a_staged_model_split_measured_times_by_bytes_and_layers(tmp_path) -> None:
    # A head at the end of every block: two blocks stream the head twice and split everything else.
    network = {
        "dynamics": "batching_routing",
        "exits": {"profile": "parametric", "blocks": [1, 1, 1, 1]},
        "requests.accuracy": [0.0, 0.5],
    }
    costs = costs_of(**measured_settings(tmp_path), **network)
    whole, streamed = 4 * PARAMETERS + HEAD, PARAMETERS + HEAD
    blocks = np.arange(1, 5)
    np.testing.assert_allclose(costs.cost_coefficients[:, 2, SHARED], 0.5 * blocks * streamed / whole, rtol=1e-12)
    np.testing.assert_allclose(costs.cost_coefficients[:, 3, WORK], 0.001 * blocks / 4, rtol=1e-12)
    np.testing.assert_allclose(costs.cost_coefficients[:, 1, WORK], 1e-5 * blocks, rtol=1e-12)
    head_s = 1e-5 * 2 * HEAD
    np.testing.assert_allclose(costs.cost_coefficients[:, 0, WORK], blocks * (0.25 / 4 + head_s), rtol=1e-12)


@pytest.mark.parametrize("padded", [False, True])
def test_drivers_written_in_one_pass_are_the_drivers(padded: bool) -> None:
    costs, rng = costs_of(pad_prompts=padded), np.random.default_rng(0)
    prompt, output = rng.integers(0, 4000, 200), rng.integers(0, 900, 200)
    written = np.full((200, 5), np.nan)
    costs.write_drivers(prompt, output, np.array([0, prompt.size]), written[None], np.zeros(1, np.int64))
    np.testing.assert_array_equal(written, costs.drivers(prompt, output))


def test_negative_token_counts_are_refused() -> None:
    one = np.array([0, 2]), np.empty((1, 2, 5)), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match=r"output tokens must be zero or more, got array\(\[ 3, -1\]\)"):
        costs_of().write_drivers(np.array([2, 2]), np.array([3, -1]), *one)
