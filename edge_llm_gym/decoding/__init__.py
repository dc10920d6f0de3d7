"""Conversions between observations, scheduling problems and actions: what experts, codecs and policies share."""

from edge_llm_gym.decoding.batching import BatchingArrays, BatchingReader
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.epoch_rows import EpochProblem, EpochRows
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.decoding.wait_factors import WaitFactors

__all__ = [
    "BatchingArrays",
    "BatchingReader",
    "CompositeReader",
    "EpochProblem",
    "EpochRows",
    "StreamingReader",
    "WaitFactors",
    "batch_reader",
]
