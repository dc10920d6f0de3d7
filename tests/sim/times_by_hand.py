"""Work and shared time of requests on layers of a node, written out from FLOPs and bytes."""

from dataclasses import replace

import numpy as np

from edge_llm_gym.models import cost
from edge_llm_gym.models.llm import head_weight_bytes, layer_weight_bytes


def times_by_hand(scenario, node: int, layers: int, prompt, output) -> tuple[np.ndarray, np.ndarray]:
    """w and v of requests on some layers of a node and the output head at their end."""
    section = scenario.nodes[node]
    device, method = section.device(), section.method(scenario.shape.name)
    shape, steps = replace(scenario.shape, layers=layers), np.maximum(output - 1, 0)
    usable_flops = device.peak_flops * device.flops_fraction / method.compute_scale
    flops = cost.request_flops(shape, prompt, output, head=scenario.lm_head)
    if scenario.cost == "compute":
        return flops / usable_flops, np.zeros(np.shape(flops))
    share = layers / scenario.shape.layers
    bandwidth = device.memory_bandwidth_bytes_per_s * device.bandwidth_fraction
    prefill_flops = cost.request_flops(shape, prompt, 1, head=scenario.lm_head)
    attention_flops = 4 * shape.heads * shape.head_dim * layers * cost.token_work(prompt, output).context
    prefill_s = share * device.prefill_overhead_s + prefill_flops / usable_flops
    arithmetic_s = 0.2 * (flops - prefill_flops - attention_flops) / usable_flops
    read_s = cost.kv_read_bytes(shape, prompt, output, method.kv_bits) / bandwidth
    head_bytes = head_weight_bytes(shape, method.weight_bits) if scenario.lm_head else 0.0
    weight_bytes = layers * layer_weight_bytes(shape, method.weight_bits) + head_bytes
    step_s = weight_bytes / bandwidth + share * device.step_overhead_s
    return prefill_s + arithmetic_s + read_s, steps * step_s
