"""Where the times of nodes come from: efficiencies of their devices, overrides of them, or hardware profiles."""

import numpy as np
import pytest

from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.sim.columns import SHARED, WORK
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.request_costs import RequestCosts

H100 = {
    "cost": "measured",
    "nodes.0.hardware": "nvidia-h100-sxm",
    "nodes.0.hardware_profile": "nvidia-h100-sxm",
    "nodes.0.quantization": "fp16",
    "nodes.0.memory_fraction": 0.9,
    "nodes.0.count": 1,
    "nodes.0.usable_flops_fraction": None,
}


def test_a_node_has_the_efficiencies_of_its_device() -> None:
    scenario = load_scenario("single-node", {"nodes.0.usable_flops_fraction": None})
    rates, device = node_costs(scenario)[0].rates, hardware("nvidia-l4")
    assert rates.usable_flops == 2 * 121e12 * device.flops_fraction
    assert rates.usable_bandwidth == 2 * 300e9 * device.bandwidth_fraction
    assert (rates.step_overhead_s, rates.prefill_overhead_s) == (device.step_overhead_s, device.prefill_overhead_s)


def test_a_node_can_override_each_of_them() -> None:
    own = {"usable_flops_fraction": 0.3, "usable_bandwidth_fraction": 0.4, "step_overhead_s": 0.0}
    overrides = {f"nodes.0.{key}": value for key, value in own.items()} | {"nodes.0.prefill_overhead_s": 0.5}
    rates = node_costs(load_scenario("single-node", overrides))[0].rates
    assert (rates.usable_flops, rates.usable_bandwidth) == pytest.approx((2 * 121e12 * 0.3, 2 * 300e9 * 0.4))
    assert (rates.step_overhead_s, rates.prefill_overhead_s) == (0.0, 0.5)


def test_measured_times_of_a_shipped_profile_reach_the_simulator() -> None:
    # Llama-3-8B at 16 bits on an H100: 6.77 ms per decode step; 218,103,808 parameters in a layer.
    work_s, shared_s, _ = RequestCosts(load_scenario("single-node", H100)).costs(np.array([1000]), np.array([101]))
    assert shared_s[0, 0] == pytest.approx(100 * 0.00677252)
    decode_s = 100 * 4.78322e-6 + 100 * (1000 + 101 / 2) * 4.27757e-8
    layers = 32 * (2 * 218_103_808 * 1000 + 4 * 4096 * 1000**2)
    prefill_s = 0.00592282 + 1.46644e-15 * (layers + 2 * 4096 * 128256)
    assert work_s[0, 0] == pytest.approx(prefill_s + decode_s, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes.0.hardware_profile": None}, "needs a hardware_profile of every node, and node 'l4-pair' has none"),
        ({"cost": "roofline"}, "cost 'roofline' does not use hardware profiles, got .* 'nvidia-h100-sxm' at node"),
        ({"nodes.0.usable_flops_fraction": 0.5}, "got usable_flops_fraction at node 'l4-pair'; leave it out"),
        ({"nodes.0.step_overhead_s": 0.0, "nodes.0.prefill_overhead_s": 0.0}, "step_overhead_s and prefill_overhead_s"),
        ({"nodes.0.quantization": "w8a16"}, "no row for llama-3-8b with 8 bits per weight and 16 per element"),
        ({"model": "bloom-7.1b"}, "no row for bloom-7.1b with 16 bits"),
        ({"nodes.0.count": 2}, r"times of 1 device\(s\), and node 'l4-pair' has count 2"),
        ({"nodes.0.hardware_profile": "nvidia-h100"}, "node 'l4-pair': unknown hardware profile .*did you mean"),
        ({"nodes.0.hardware_profile": "gone.yaml"}, "node 'l4-pair': .* there is no file 'gone.yaml'"),
    ],
)
def test_profiles_and_cost_model_fit_together(changes: dict, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_scenario("single-node", H100 | changes)


def test_another_cost_model_gives_other_times() -> None:
    roofline = {"cost": "roofline", "nodes.0.hardware_profile": None}
    measured, other = (RequestCosts(load_scenario("single-node", H100 | each)) for each in ({}, roofline))
    for column in (WORK, SHARED):
        ratio = (
            measured.costs(np.array([900]), np.array([200]))[column]
            / other.costs(np.array([900]), np.array([200]))[column]
        )
        assert 0.85 < ratio[0, 0] < 1.15
        assert ratio[0, 0] != 1
