"""Milliseconds per warm picture, text and image, of small and crowded scenarios: the median of five batches."""

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

from edge_llm_gym.rendering import render_row
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.simulator import Simulator

MODES = ("ansi", "rgb_array")
BATCHES = 5
PICTURES = 10  # in a batch
WARM_UP_EPOCHS = 10
Action = tuple[np.ndarray, ...]


def crowded_nodes() -> list[dict[str, object]]:
    return [
        {
            "name": f"node-{index}",
            "hardware": "nvidia-l4",
            "quantization": "w4a16-gptq",
            "position_m": [150.0 + 230.0 * (index % 4), 200.0 + 300.0 * (index // 4)],
            "uplink_hz": 1e7,
            "downlink_hz": 1e7,
        }
        for index in range(12)
    ]


CASES: dict[str, tuple[str, dict[str, object]]] = {
    "1 node, 20 devices, 32 slots": ("single-node", {}),
    "4 nodes, 20 devices, 32 slots": ("multi-node", {}),
    "12 nodes, 200 devices, 64 slots": (
        "multi-node",
        {
            "nodes": crowded_nodes(),
            "devices.count": 200,
            "slots": 64,
            "arrivals.rate_per_s": 30.0,
            "requests.budget_s": [20.0, 60.0],
        },
    ),
    "6 nodes in two stages, 20 devices": ("joint", {}),
    "9 nodes, 20 devices, streams": ("early-exit", {}),
    "9 nodes, 200 devices, crowded streams": (
        "early-exit",
        {"devices.count": 200, "arrivals.rate_per_s": 100.0, "horizon_epochs": 200},
    ),
}


def batch_action(simulator: Simulator, rng: np.random.Generator) -> Action:
    slots = simulator.scenario.slots
    return rng.integers(0, simulator.nodes + 1, (1, slots)), rng.random((1, slots, 2))


def stream_action(simulator: Simulator, rng: np.random.Generator) -> Action:
    nodes = simulator.nodes
    senders = simulator.scenario.devices.count + nodes
    return rng.random((1, senders, nodes), np.float32), rng.random((1, nodes), np.float32)


def staged_action(simulator: Simulator, rng: np.random.Generator) -> Action:
    slots, nodes = simulator.scenario.slots, simulator.nodes
    batch = rng.integers(0, simulator.scenario.network.entry_nodes.size + 1, (1, slots))
    weights = rng.random((1, nodes, nodes), np.float32), rng.random((1, nodes), np.float32)
    return batch, rng.random((1, slots, 2)), *weights


ACTIONS: Mapping[str, Callable[[Simulator, np.random.Generator], Action]] = {
    "batching": batch_action,
    "streaming": stream_action,
    "batching_routing": staged_action,
}
"""Admission -> a random action."""


def step(simulator: Simulator, rng: np.random.Generator) -> object:
    return simulator.step(*ACTIONS[simulator.scenario.dynamics](simulator, rng))


def played(name: str, overrides: dict[str, object]) -> tuple[Simulator, np.random.Generator]:
    simulator, rng = Simulator(load_scenario(name, overrides)), np.random.default_rng(0)
    simulator.reset(0, rng)
    for _ in range(WARM_UP_EPOCHS):
        step(simulator, rng)
    return simulator, rng


def median_ms(simulator: Simulator, rng: np.random.Generator, mode: str) -> float:
    """Median over batches of the mean time per picture; each shows a new epoch, whose stepping is not timed."""
    timed_ms(simulator, rng, mode)
    means_ms = [statistics.fmean(timed_ms(simulator, rng, mode) for _ in range(PICTURES)) for _ in range(BATCHES)]
    return statistics.median(means_ms)


def timed_ms(simulator: Simulator, rng: np.random.Generator, mode: str) -> float:
    result = step(simulator, rng)
    began_s = time.perf_counter()
    render_row(simulator, 0, result, mode)
    return (time.perf_counter() - began_s) * 1e3


def main() -> None:
    for case, (name, overrides) in CASES.items():
        for mode in MODES:
            print(f"{case:38} {mode:10} {median_ms(*played(name, overrides), mode):6.2f} ms")


if __name__ == "__main__":
    main()
