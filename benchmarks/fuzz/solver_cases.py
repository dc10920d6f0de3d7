"""Random batch and routing problems of extreme scales: subnormal, huge, infinite and undefined numbers among others."""

from typing import Any

import numpy as np
from numpy.random import Generator

from edge_llm_gym.problems import AssignmentProblem, BatchProblem, RoutingProblem
from edge_llm_gym.problems.random_networks import random_network

WILD = (np.nan, np.inf, -np.inf, -1.0, 5e-324, 1e-310, 1e-101, 1e-100, 1e100, 1e101, 1e150, 1e300, 1.7e308, 0.0)
BATCH_FIELDS = ("time_s", "shared_time_s", "kv_bytes", "uplink_share", "downlink_share", "budget_s", "value")
SPREADS = (0.0, 0.0, 1.0, 8.0, 60.0)
"""Orders of magnitude within one field."""


def assignment(rng: Generator) -> AssignmentProblem:
    """One to three nodes over the same requests; raises ValueError where a number is out of range."""
    n = int(rng.integers(0, 9))
    return AssignmentProblem(tuple(_node(rng, n) for _ in range(rng.integers(1, 4))))


def _node(rng: Generator, n: int) -> BatchProblem:
    time_scale, memory_scale, value_scale = rng.uniform(-95.0, 95.0, 3) * rng.choice([0.05, 1.0], 3)
    fields: dict[str, Any] = {
        "time_s": _numbers(rng, n, time_scale),
        "shared_time_s": _numbers(rng, n, time_scale),
        "kv_bytes": _numbers(rng, n, memory_scale),
        "uplink_share": _numbers(rng, n, -1.0, 300.0),
        "downlink_share": _numbers(rng, n, -1.0, 300.0),
        "budget_s": _numbers(rng, n, time_scale + 0.5) * rng.choice([1.0, 1.0, 1.0, -1.0], n),
        "value": _numbers(rng, n, value_scale),
        "memory_bytes": float(_numbers(rng, 1, memory_scale + 0.5)[0]),
        "time_cap_s": float(rng.choice([np.inf, _numbers(rng, 1, time_scale + 0.5)[0]])),
        "time_price": float(_numbers(rng, 1, value_scale - time_scale - 1.0)[0]) if rng.random() < 0.4 else 0.0,
    }
    return BatchProblem(**_with_wild(rng, fields))


def _numbers(rng: Generator, count: int, exponent: float, widest: float = 60.0) -> np.ndarray:
    """Lattice points or arbitrary numbers times powers of ten around the ``exponent``, some of them zero."""
    spread = min(float(rng.choice(SPREADS)), widest)
    base = rng.integers(0, 5, count) if rng.random() < 0.5 else rng.uniform(0.1, 4.0, count)
    powers = np.clip(exponent + spread * rng.uniform(-1.0, 1.0, count), -99.0, 99.0)
    return np.asarray(base * 10.0**powers)


def _with_wild(rng: Generator, fields: dict[str, Any], share: float = 0.2) -> dict[str, Any]:
    """The fields, sometimes with one number replaced by one of WILD."""
    if rng.random() >= share:
        return fields
    name = str(rng.choice(list(fields)))
    field = np.array(fields[name], np.float64)
    if field.size:
        field.flat[rng.integers(field.size)] = rng.choice(WILD)
    return fields | {name: field if field.ndim else float(field)}


def network(rng: Generator) -> RoutingProblem:
    """A small network at extreme rates, times and pass ratios; raises ValueError where a number is out of range."""
    base = random_network(rng, int(rng.integers(1, 5)), rng.integers(1, 4, rng.integers(1, 4)).tolist())
    width = float(rng.choice([0.5, 4.0, 8.0, 17.0]))
    service_s = base.service_s * _powers(rng, base.service_s.shape, width)
    fields = {
        "arrival_rate": base.arrival_rate * _powers(rng, base.arrival_rate.shape, width) * (rng.random() < 0.9),
        "link_delay_s": base.link_delay_s * _powers(rng, base.link_delay_s.shape, width),
        "service_s": service_s,
        "service_sq_s2": service_s**2 * (1.0 + rng.uniform(0.0, 3.0, service_s.size)),
        "pass_ratio": base.pass_ratio ** rng.choice([1.0, 4.0, 0.0]) * (base.pass_ratio > 0.0),
        "wait_factor": _powers(rng, service_s.shape, 0.5 * width),
    }
    return RoutingProblem(**_with_wild(rng, fields))


def _powers(rng: Generator, shape: tuple[int, ...], width: float) -> np.ndarray:
    """Powers of ten, common to the array or of every element."""
    return np.asarray(10.0 ** rng.uniform(-width, width, shape if rng.random() < 0.5 else ()))
