"""Live use: a server's own requests and node states in, a schedule out, without an environment."""

from edge_llm_gym.live.records import Assignment, LiveError, NodeState, Request, Schedule
from edge_llm_gym.live.scheduler import LiveScheduler

__all__ = ["Assignment", "LiveError", "LiveScheduler", "NodeState", "Request", "Schedule"]
