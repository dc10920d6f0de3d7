"""Seeded resets leave no memory behind."""

from pathlib import Path

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.simulator import Simulator

STATM = Path("/proc/self/statm")
PAGE_BYTES = 4096
BYTES_PER_RESET = 300
"""What a reset may leave behind on average; a wrapper of a random generator that is not freed takes 2,800."""


def resident_bytes() -> int:
    return int(STATM.read_text("ascii").split()[1]) * PAGE_BYTES


@pytest.mark.compiled
@pytest.mark.skipif(not STATM.exists(), reason="this system does not tell the resident memory in /proc/self/statm")
@pytest.mark.parametrize("name", ["single-node", "joint", "early-exit", "continuous"])
@pytest.mark.parametrize("resets", [4_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_resets_with_new_generators_leave_no_memory_behind(name, resets):
    simulator = Simulator(load_scenario(name, {"horizon_epochs": 2}))
    for seed in range(500):
        simulator.reset(0, np.random.default_rng(seed))
    before = resident_bytes()
    for seed in range(resets):
        simulator.reset(0, np.random.default_rng(seed))
    assert resident_bytes() - before < BYTES_PER_RESET * resets
