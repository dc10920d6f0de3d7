"""Conversions between observations, scheduling problems and actions: what experts, codecs and policies share."""

from edge_llm_gym.decoding.batching import BatchingArrays, BatchingReader, EpochProblem
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.decoding.streaming import StreamingReader

__all__ = ["BatchingArrays", "BatchingReader", "CompositeReader", "EpochProblem", "StreamingReader", "batch_reader"]
