"""Small streaming scenarios with tapes written by hand, for tests that know every number."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.transition import reset_row

MODEL = {"layers": 4, "d_model": 64, "heads": 4, "kv_heads": 4, "d_ff": 128, "vocabulary": 100}
RANGES = {1: [(0, 3)], 2: [(0, 0), (1, 3)], 3: [(0, 0), (1, 1), (2, 3)]}
"""Blocks of each stage: four blocks, since the parametric profile has four exits."""


def staged(sizes: Sequence[int], **settings) -> Scenario:
    """Nodes "s1-1", "s1-2", ... in stages of the given sizes, every link of infinite speed as far as tests care."""
    names = [[f"s{stage + 1}-{index + 1}" for index in range(size)] for stage, size in enumerate(sizes)]
    ranges = RANGES[len(sizes)]
    nodes = [
        {
            "name": name,
            "hardware": "nvidia-l4",
            "blocks": list(blocks),
            "position_m": [0.0, 0.0],
            "uplink_hz": 1e6,
            "downlink_hz": 1e6,
        }
        for stage, blocks in zip(names, ranges, strict=True)
        for name in stage
    ]
    links = [
        {"source": source, "target": target, "rate_bps": 1e9}
        for here, there in pairwise(names)
        for source in here
        for target in there
    ]
    return load_scenario(
        {
            "name": "staged",
            "dynamics": "streaming",
            "epoch_s": 1.0,
            "model": MODEL,
            "exits": {"profile": "parametric", "blocks": [1, 1, 1, 1]},
            "nodes": nodes,
            "links": links,
            "devices": {"count": 1},
            "channel": {"spectral_efficiency_floor": 0.1},
            "arrivals": {"process": "poisson", "rate_per_s": 1.0},
            "lengths": {"kind": "choice", "prompt_tokens": [8], "output_tokens": [2], "max_prompt_tokens": 8,
                        "max_output_tokens": 2},
            "requests": {"budget_s": [1.0, 1.0]},
            "reward": {"mean_delay_s": -1.0, "accuracy": 2.0},
        },
        settings,
    )  # fmt: skip


def by_hand(scenario: Scenario, arrival_s, **columns) -> Simulator:
    """A simulator of one row at time 0 whose tape holds requests that arrive at `arrival_s` [n].

    `columns` are further fields of the tape, each [n, ...]; left out, requests need no time on the air, the wire or the
    nodes, are never late and always sure, and take the middle of the road.
    """
    arrival_s = np.asarray(arrival_s, np.float64)
    simulator = Simulator(scenario)
    simulator._allocate(arrival_s.size)
    tape = simulator.tape
    tape.requests.length[0] = arrival_s.size
    tape.requests.arrival_s[0] = arrival_s
    tape.requests.deadline_s[0] = np.inf
    tape.exits.confidence[0] = 1.0
    tape.exits.route[0] = 0.5
    tape.requests.value[0] = 1.0
    tape.channels.spectral_efficiency[:] = 1.0
    for name, values in columns.items():
        getattr(tape, name)[0] = values
    reset_row(simulator.parameters, simulator.state, 0)
    return simulator


def act(simulator: Simulator, offload, threshold):
    """One epoch of the only row."""
    return simulator.step(np.asarray(offload, np.float32)[None], np.asarray(threshold, np.float32)[None])


def run(simulator: Simulator, offload=None, threshold=None) -> None:
    """All epochs under one action; equal shares and thresholds of a half unless said."""
    nodes = simulator.nodes
    senders = simulator.scenario.devices.count + nodes
    offload = np.ones((senders, nodes)) if offload is None else offload
    threshold = np.full(nodes, 0.5) if threshold is None else threshold
    while not simulator.ended()[0]:
        act(simulator, offload, threshold)
