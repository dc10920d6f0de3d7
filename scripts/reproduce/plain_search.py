"""Depth-first search without bounds: the reference that separates the effect of pruning from that of enumeration."""

from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.batch import BatchProblem
from edge_llm_gym.problems.feasibility import RELATIVE_TOLERANCE

PLAIN_NODE_LIMIT: Final = 5_000_000


def plain_depth_first_nodes(problem: BatchProblem, node_limit: int = PLAIN_NODE_LIMIT) -> int:
    """Nodes of the tree that includes or excludes one servable request per level, inner and infeasible nodes included.

    Only infeasible sets are pruned (every superset of one is infeasible). The count stops at `node_limit`.
    """
    chosen = problem.feasible_alone()
    usage = np.stack([problem.time_s, problem.kv_bytes, problem.uplink_share, problem.downlink_share], axis=1)[chosen]
    capacity = np.array([np.inf, problem.memory_bytes, 1.0, 1.0])
    slack = 1.0 + RELATIVE_TOLERANCE
    limits = problem.budget_s[chosen] * slack, capacity * slack, problem.time_cap_s * slack
    return int(_count(usage, problem.shared_time_s[chosen], *limits, node_limit))


@njit(cache=True)
def _count(usage: Array, shared_s: Array, budget_s: Array, capacity: Array, cap_s: float, node_limit: int) -> int:
    """Entered nodes; `branch` counts the branches begun at each depth: first include, then exclude."""
    n = shared_s.size
    used = np.zeros((n + 1, 4))
    longest_s, end_s = np.zeros(n + 1), np.full(n + 1, cap_s)
    branch = np.zeros(n + 1, np.int8)
    depth, nodes = 0, 1
    while depth >= 0 and nodes < node_limit:
        if depth == n or branch[depth] == 2:
            depth -= 1
            continue
        deeper = depth + 1
        used[deeper], longest_s[deeper], end_s[deeper] = used[depth], longest_s[depth], end_s[depth]
        branch[depth] += 1
        nodes += 1
        if branch[depth] == 1:
            used[deeper] += usage[depth]
            longest_s[deeper] = max(longest_s[depth], shared_s[depth])
            end_s[deeper] = min(end_s[depth], budget_s[depth])
            if used[deeper, 0] + longest_s[deeper] > end_s[deeper] or (used[deeper] > capacity).any():
                continue
        depth = deeper
        branch[depth] = 0
    return nodes
