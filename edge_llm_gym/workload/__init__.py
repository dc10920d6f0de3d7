"""Workloads: arrival times and token counts of requests, from processes, published statistics or traces."""

from edge_llm_gym.workload.config import ArrivalsConfig, LengthsConfig
from edge_llm_gym.workload.factory import build_workload
from edge_llm_gym.workload.published import PUBLISHED, PublishedWorkload, published
from edge_llm_gym.workload.traces import Trace, TraceError, describe, read_trace
from edge_llm_gym.workload.workload import Arrivals, SyntheticWorkload, TraceWorkload, Workload

__all__ = [
    "PUBLISHED",
    "Arrivals",
    "ArrivalsConfig",
    "LengthsConfig",
    "PublishedWorkload",
    "SyntheticWorkload",
    "Trace",
    "TraceError",
    "TraceWorkload",
    "Workload",
    "build_workload",
    "describe",
    "published",
    "read_trace",
]
