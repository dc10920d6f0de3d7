"""Time that forwarded requests spend on the wired links of a scenario."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.request_costs import forward_bits, round_trip_bits


def wire_times_s(scenario: Scenario, prompt_tokens: Array, output_tokens: Array) -> Array:
    """[..., K, K] float64 s, time of requests [...] on the link from row to column; inf where there is no link.

    It is the transfer of the prefill, latency + bits / rate, and a round trip for each of the n - 1 later tokens,
    2 latency + bits / rate. It is linear in the token counts, so mean counts give mean times.
    """
    network = scenario.network
    rate_bps = np.where(network.has_link, network.rate_bps, np.nan)
    prefill_bits = forward_bits(scenario, np.asarray(prompt_tokens, np.float64))[..., None, None]
    steps = np.maximum(np.asarray(output_tokens, np.float64) - 1.0, 0.0)[..., None, None]
    transfer_s = network.latency_s + prefill_bits / rate_bps
    round_trips_s = steps * (2.0 * network.latency_s + round_trip_bits(scenario) / rate_bps)
    return np.where(network.has_link, transfer_s + round_trips_s, np.inf)


def mean_wire_times_s(scenario: Scenario, prompt_tokens: Array, output_tokens: Array) -> Array:
    """[K, K] float64 s, mean of `wire_times_s` over requests [n]."""
    return wire_times_s(scenario, np.asarray(np.mean(prompt_tokens)), np.asarray(np.mean(output_tokens)))
