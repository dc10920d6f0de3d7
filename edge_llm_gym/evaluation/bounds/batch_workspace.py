"""Arrays of the search for the most profitable batches, allocated once per node."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import njit


class Workspace(NamedTuple):
    """Arrays of searches over at most n requests and B cells of time; a depth is a number of members."""

    entry: Array  # [n] int64, candidate requests, most profitable first
    profit: Array  # [n] without the price of the shared time
    work_s: Array  # [n]
    shared_s: Array  # [n]
    usage: Array  # [n, 3]
    profit_left: Array  # [n + 1] sum of the positive profits from this request on
    density: Array  # [n + 1] greatest profit per share of the KV capacity from this request on
    next: Array  # [n + 1] int64, by depth: the next request to try
    sum_profit: Array  # [n + 1] by depth, of the members so far
    sum_work_s: Array  # [n + 1]
    max_shared_s: Array  # [n + 1]
    sum_usage: Array  # [n + 1, 3]
    best_profit: Array  # [B + 1] greatest profit of a batch that lasts at most this many cells, -inf if there is none
    members: Array  # [n] int64, entries of the best batch that lasts at most the requested cells ...
    size: Array  # [1] int64, ... and their number


def new_workspace(requests: int, cells: int) -> Workspace:
    """An empty workspace for at most `requests` candidates and `cells` cells."""
    depths = requests + 1
    return Workspace(
        entry=np.zeros(requests, np.int64),
        profit=np.zeros(requests),
        work_s=np.zeros(requests),
        shared_s=np.zeros(requests),
        usage=np.zeros((requests, 3)),
        profit_left=np.zeros(depths),
        density=np.zeros(depths),
        next=np.zeros(depths, np.int64),
        sum_profit=np.zeros(depths),
        sum_work_s=np.zeros(depths),
        max_shared_s=np.zeros(depths),
        sum_usage=np.zeros((depths, 3)),
        best_profit=np.zeros(cells + 1),
        members=np.zeros(requests, np.int64),
        size=np.zeros(1, np.int64),
    )


@njit(cache=True)
def insert(
    workspace: Workspace, count: int, entry: int, profit: float, work_s: float, shared_s: float, usage: Array
) -> None:
    """Inserts a request among the `count` requests in the workspace, which are sorted by falling profit."""
    index = count
    while index > 0 and workspace.profit[index - 1] < profit:
        workspace.entry[index], workspace.profit[index] = workspace.entry[index - 1], workspace.profit[index - 1]
        workspace.work_s[index], workspace.shared_s[index] = workspace.work_s[index - 1], workspace.shared_s[index - 1]
        workspace.usage[index] = workspace.usage[index - 1]
        index -= 1
    workspace.entry[index], workspace.profit[index] = entry, profit
    workspace.work_s[index], workspace.shared_s[index], workspace.usage[index] = work_s, shared_s, usage
