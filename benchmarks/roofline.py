"""Memory that a step of native rows moves at least, against the memory bandwidth of this machine.

    python -m benchmarks.roofline
    python -m benchmarks.roofline --environments MultiNode Joint --rows 1024

Counted are bytes that must be read or written for each row in an epoch: the action and its checked copy, the result,
the observation, the channels of two epochs, the numbers of the requests that are visible or arrive, and what observed
confidences depend on. Smaller arrays, queues and logs are left out, and so is that memory moves in lines of 64 bytes:
the numbers are lower bounds. The bandwidth is that of copying an array that fits no cache, bytes read and written.
Times are wall times of steps without resets in one thread, medians, so other work on the machine matters.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import gymnasium
import numpy as np

import edge_llm_gym  # noqa: F401, registers the environments
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS
from edge_llm_gym.sim.records import leaves

ENVIRONMENTS: Final = ("SingleNode", "MultiNode", "Continuous", "EarlyExit", "Joint")
COPIED_BYTES: Final = 2**28
EPOCHS: Final = 40
"""Steps before the bytes are counted."""


def bandwidth(copied_bytes: int = COPIED_BYTES, repetitions: int = 7) -> float:
    """Bytes per second, read and written, of copying an array; the fastest copy counts."""
    source, target = np.ones(copied_bytes // 8), np.zeros(copied_bytes // 8)
    best_s = np.inf
    for _ in range(repetitions):
        begin_s = time.perf_counter()
        np.copyto(target, source)
        best_s = min(best_s, time.perf_counter() - begin_s)
    return 2.0 * source.nbytes / best_s


def moved_bytes(envs: Any, action: Mapping[str, Array], observation: Mapping[str, Array]) -> dict[str, float]:
    """Bytes of an epoch by what they hold, per row, after a step with this action."""
    simulator, scenario = envs.unwrapped.simulator, envs.unwrapped.scenario
    checked = interface_of(scenario).read_action(action, (envs.num_envs,), scenario)
    totals = {
        "action": _size(action.values()) + 2 * _size(checked),
        "result": _size(array for _, array in leaves(simulator.empty_result())),
        "observation": _size(observation.values()),
        "channels": 2 * envs.num_envs * simulator.tape.channels.spectral_efficiency[0, 0].nbytes,
        "requests": _request_count(simulator, observation) * simulator.tape.requests.arrival_s.strides[1],
        "confidences": _recent_count(simulator) * _confidence_bytes(simulator),
    }
    return {name: total / envs.num_envs for name, total in totals.items()}


def _size(arrays: Any) -> int:
    return sum(array.nbytes for array in arrays)


def _request_count(simulator: Any, observation: Mapping[str, Array]) -> int:
    """Requests that are visible, or in streaming dynamics arrive in an epoch."""
    if "request_mask" in observation:
        return int(observation["request_mask"].sum())
    return int(simulator.state.arrived_last.sum())


def _recent_count(simulator: Any) -> int:
    """Requests whose confidences are counted for the observation; none without early exits."""
    if simulator.scenario.exits is None:
        return 0
    state, rows = simulator.state, np.arange(simulator.rows)
    until = state.first_of_epoch if simulator.scenario.variant == "streaming" else state.admissions.until
    return int((until[rows, state.epoch] - until[rows, np.maximum(state.epoch - SEEN_EPOCHS, 0)]).sum())


def _confidence_bytes(simulator: Any) -> int:
    """Bytes of the confidences of a request, and of the log that tells which of them have been computed."""
    if simulator.scenario.exits is None:
        return 0
    log = simulator.state.requests
    return sum(array[0, 0].nbytes for array in (simulator.tape.exits.confidence, log.finish_s, log.node))


def measure(environment: str, rows: int, steps: int) -> tuple[dict[str, float], float]:
    """Bytes per env-step by what they hold, and seconds per env-step."""
    envs = gymnasium.make_vec(f"EdgeLLM/{environment}-v0", num_envs=rows, vectorization_mode="vector_entry_point")
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = itertools.cycle([envs.action_space.sample() for _ in range(16)])
    for _ in range(EPOCHS):
        action = next(actions)
        observation = envs.step(action)[0]
    moved, seconds = moved_bytes(envs, action, observation), []
    while len(seconds) < steps:
        action, begin_s = next(actions), time.perf_counter()
        ended = envs.step(action)[3]
        if not ended.any():
            seconds.append(time.perf_counter() - begin_s)
    return moved, statistics.median(seconds) / rows


def table(bytes_per_s: float, found: Mapping[str, tuple[dict[str, float], float]]) -> Iterator[str]:
    """Markdown lines."""
    names = list(next(iter(found.values()))[0])
    yield f"| environment | {' | '.join(names)} | bytes in all | us at the bandwidth | us measured | share |"
    yield "|---|" + "---:|" * (len(names) + 4)
    for environment, (moved, seconds) in found.items():
        total = sum(moved.values())
        parts = " | ".join(f"{moved[name]:,.0f}" for name in names)
        least_us, us = 1e6 * total / bytes_per_s, 1e6 * seconds
        yield f"| {environment} | {parts} | {total:,.0f} | {least_us:.2f} | {us:.2f} | {least_us / us:.0%} |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", nargs="+", choices=ENVIRONMENTS, default=ENVIRONMENTS)
    parser.add_argument("--rows", type=int, default=256, help="rows of the vector environment (default: 256)")
    parser.add_argument("--steps", type=int, default=300, help="measured steps (default: 300)")
    options = parser.parse_args()
    bytes_per_s = bandwidth()
    print(f"{options.rows} rows; copying an array moves {bytes_per_s / 1e9:.1f} GB/s\n")
    found = {each: measure(each, options.rows, options.steps) for each in options.environments}
    print("\n".join(table(bytes_per_s, found)))


if __name__ == "__main__":
    main()
