"""Random batch and assignment problems of several kinds, for tests and benchmarks of schedulers."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from edge_llm_gym.problems.arrays import Floats
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import BatchProblem

_KV_BYTES_PER_TOKEN = 131_072.0  # Llama-3-8B: 2 x 32 layers x 8 KV heads x 128 per head x 2 bytes
_PREFILL_S_PER_TOKEN = 2.7e-4  # 2 x 8e9 FLOPs at 60 TFLOP/s
_WEIGHT_STREAM_S = 0.015  # 4.5 GB of 4-bit weights at 300 GB/s: one decode step
_KV_BYTES_PER_S = 3e11


def environment_like(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    """An 8B model on one inference card: n requests with log-normal lengths and payloads, and fading channels.

    Long requests need much time, memory and bandwidth alike, so the constraints are correlated.
    """
    prompt = np.clip(rng.lognormal(5.3, 0.8, n), 8, 4096).round()
    output = np.clip(rng.lognormal(4.6, 0.7, n), 4, 1024).round()
    decode_read = output * (prompt + output / 2) * _KV_BYTES_PER_TOKEN / _KV_BYTES_PER_S
    uplink_bits = 32 * prompt + rng.lognormal(12.0, 1.0, n)
    spectral_efficiency = np.clip(np.log2(1 + 30 * rng.exponential(size=(2, n))), 0.1, 7.0)
    return BatchProblem(
        time_s=_PREFILL_S_PER_TOKEN * (prompt + output) + decode_read,
        shared_time_s=(output - 1) * _WEIGHT_STREAM_S,
        kv_bytes=(prompt + output) * _KV_BYTES_PER_TOKEN,
        uplink_share=uplink_bits / (2.5e6 * spectral_efficiency[0]),
        downlink_share=4e3 * output / (5e6 * spectral_efficiency[1]),
        budget_s=rng.uniform(-0.5, 8.0, n),
        value=_values(rng, n, equal_values),
        memory_bytes=rng.uniform(0.5e9, 2.5e9),
        time_cap_s=np.inf,
    )


def conflicting(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    """n requests whose time, memory and bandwidth are drawn independently, so that the constraints conflict.

    Each constraint alone would admit about a third of the requests. Budgets and shared times vary enough that the
    tightest budget and the longest shared time of the best set lie inside their ranges.
    """
    time_s, kv_bytes, uplink, downlink = rng.uniform(0.1, 1.0, (4, n))
    batch_s = time_s.sum() / 3
    return BatchProblem(
        time_s=time_s,
        shared_time_s=rng.uniform(0.0, 0.3, n) * batch_s,
        kv_bytes=kv_bytes,
        uplink_share=3 * uplink / max(uplink.sum(), 3.0),
        downlink_share=3 * downlink / max(downlink.sum(), 3.0),
        budget_s=rng.uniform(0.5, 1.5, n) * batch_s,
        value=_values(rng, n, equal_values),
        memory_bytes=kv_bytes.sum() / 3,
        time_cap_s=1.3 * batch_s,
    )


def degenerate(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    """n requests with many ties, zeros, exact fits and infeasible requests, and capacities down to zero."""
    costs = rng.integers(0, 5, (5, n)) * _choice(rng, [0.0, 1.0, 1.0, 1.0], (5, 1))
    time_s, shared_s, kv_bytes, uplink, downlink = costs
    infeasible = rng.random(n) < 0.1
    return BatchProblem(
        time_s=time_s,
        shared_time_s=shared_s,
        kv_bytes=kv_bytes,
        uplink_share=np.where(infeasible, np.inf, uplink / 10),
        downlink_share=downlink / 10,
        budget_s=np.asarray(rng.integers(-2, 16, n) if rng.random() < 0.7 else np.full(n, 10.0), np.float64),
        value=np.full(n, 0.3) if equal_values else rng.integers(0, 4, n).astype(np.float64),
        memory_bytes=float(rng.choice([0, 3, 10, 30])),
        time_cap_s=float(rng.choice([0.0, 6.0, 12.0, np.inf])),
    )


FAMILIES: dict[str, Callable[..., BatchProblem]] = {
    "environment": environment_like,
    "conflicting": conflicting,
    "degenerate": degenerate,
}


def heterogeneous_nodes(
    rng: Generator, n: int, node_count: int, *, family: str = "environment", equal_values: bool = True
) -> AssignmentProblem:
    """The same n requests and ``node_count`` nodes that differ in speed and memory, each with its own channels."""
    base = FAMILIES[family](rng, n, equal_values=equal_values)
    return AssignmentProblem(nodes=tuple(_variant(rng, base) for _ in range(node_count)))


def _variant(rng: Generator, base: BatchProblem) -> BatchProblem:
    n = base.request_count
    slowness, memory_share = rng.uniform(0.7, 1.6), rng.uniform(0.3, 1.0)
    return base.replace(
        time_s=base.time_s * slowness,
        shared_time_s=base.shared_time_s * slowness,
        uplink_share=base.uplink_share * rng.uniform(0.5, 3.0, n),
        downlink_share=base.downlink_share * rng.uniform(0.5, 3.0, n),
        budget_s=base.budget_s - rng.uniform(0.0, 0.3) * np.abs(base.budget_s).mean() if n else base.budget_s,
        memory_bytes=base.memory_bytes * memory_share,
    )


def _values(rng: Generator, n: int, equal_values: bool) -> Floats:
    return np.ones(n) if equal_values else rng.uniform(0.2, 1.0, n)


def _choice(rng: Generator, values: list[float], shape: tuple[int, ...]) -> Floats:
    return rng.choice(np.array(values), shape)
