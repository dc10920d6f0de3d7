"""Workloads: arrival times and token counts of requests, from processes, published statistics or traces."""

from edge_llm_gym.workload.config import ArrivalsConfig, LengthsConfig
from edge_llm_gym.workload.factory import build_workload
from edge_llm_gym.workload.published import PUBLISHED, PublishedWorkload, published
from edge_llm_gym.workload.trace_files import TraceError
from edge_llm_gym.workload.trace_reading import read_trace
from edge_llm_gym.workload.trace_source import TraceSource
from edge_llm_gym.workload.traces import RecordedLengths, Trace, describe
from edge_llm_gym.workload.workload import Arrivals, SyntheticWorkload, TraceWorkload, Workload

__all__ = [
    "PUBLISHED",
    "Arrivals",
    "ArrivalsConfig",
    "LengthsConfig",
    "PublishedWorkload",
    "RecordedLengths",
    "SyntheticWorkload",
    "Trace",
    "TraceError",
    "TraceSource",
    "TraceWorkload",
    "Workload",
    "build_workload",
    "describe",
    "published",
    "read_trace",
]
