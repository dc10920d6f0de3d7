"""Trace files: formats, detection, decompression, and their columns as arrays."""

from edge_llm_gym.workload.trace_files.columns import MAX_SPAN_S, Choice, TraceColumns, read_columns
from edge_llm_gym.workload.trace_files.errors import TraceError
from edge_llm_gym.workload.trace_files.formats import FORMATS, MAPPING_KEYS, TraceFormat
from edge_llm_gym.workload.trace_files.timestamps import parse_timestamps

__all__ = [
    "FORMATS",
    "MAPPING_KEYS",
    "MAX_SPAN_S",
    "Choice",
    "TraceColumns",
    "TraceError",
    "TraceFormat",
    "parse_timestamps",
    "read_columns",
]
