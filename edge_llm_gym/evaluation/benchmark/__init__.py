"""A benchmark with a fixed suite of tasks, normalised scores and shipped reference results."""

from edge_llm_gym.evaluation.benchmark.entries import Entry
from edge_llm_gym.evaluation.benchmark.result import BenchmarkResult
from edge_llm_gym.evaluation.benchmark.scoring import benchmark
from edge_llm_gym.evaluation.benchmark.suite import SUITE, Suite, Task

__all__ = ["SUITE", "BenchmarkResult", "Entry", "Suite", "Task", "benchmark"]
