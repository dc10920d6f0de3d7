"""The most profitable schedule of one node under given prices, by dynamic programming over epochs and cells of time."""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.bounds.batch_search import Workspace, offer, search
from edge_llm_gym.problems.feasibility import KV_USAGE

IDLE = 0


class Node(NamedTuple):
    """Candidates of one node (see Candidates) on a grid of `cells` cells an epoch; entries count from the node's first.

    The node's state when epoch e decides is the cell q in which it becomes free: 0 if by the release r_e of the epoch's
    batch, q if in (q - 1, q] cells after it.
    """

    epoch_s: float
    cells: int
    first: Array  # [H + 1] int64
    request: Array  # [n] int64
    value: Array  # [n]
    work_s: Array  # [n]
    shared_s: Array  # [n]
    usage: Array  # [n, 3]
    last_cell: Array  # [n] int64, last cell after r_e in which a batch may end in time for the request


class NodePrices(NamedTuple):
    """Prices that a node's schedule pays, and in the same form their subgradients."""

    request: Array  # [C] per request served
    memory: Array  # [H] per room filled at r_e
    time: Array  # [H + 1] per second of epoch e; the last is 0


class Plan(NamedTuple):
    """The optimum by epoch and state; Q is the last state."""

    best: Array  # [H + 1, Q + 1] profit from epoch e in state q on
    ends: Array  # [H, Q + 1] int64, cell in which the batch begun there ends; IDLE for no batch


def new_plan(horizon: int, last_cell: int) -> Plan:
    """An empty plan."""
    return Plan(np.zeros((horizon + 1, last_cell + 1)), np.zeros((horizon, last_cell + 1), np.int64))


@njit(cache=True)
def optimise(node: Node, prices: NodePrices, plan: Plan, workspace: Workspace) -> float:
    """Fills the plan, from the last epoch back; returns the profit of the best schedule."""
    horizon = node.first.size - 1
    plan.best[horizon] = 0.0
    for epoch in range(horizon - 1, -1, -1):
        for state in range(plan.best.shape[1]):
            following = max(state - node.cells, 0)
            credit = _credit(node, prices, epoch) if state > 0 else 0.0
            rest = _carried(node, prices, epoch, following) + plan.best[epoch + 1, following]
            plan.best[epoch, state] = credit + rest
            plan.ends[epoch, state] = IDLE
        _consider_batches(node, prices, plan, workspace, epoch)
    return plan.best[0, 0]


@njit(cache=True)
def _credit(node: Node, prices: NodePrices, epoch: int) -> float:
    """What an epoch with work on the node earns: the right-hand sides of its memory and of its time."""
    return prices.memory[epoch] + prices.time[epoch] * node.epoch_s


@njit(cache=True)
def busy_s(node: Node, prices: NodePrices, epoch: int, following: int) -> float:
    """The most profitable h_e, time that the node is busy past the next release, within the cell `following`."""
    if following == 0:
        return 0.0
    upper = prices.time[epoch] > prices.time[epoch + 1]
    return (following if upper else following - 1) * node.epoch_s / node.cells


@njit(cache=True)
def _carried(node: Node, prices: NodePrices, epoch: int, following: int) -> float:
    return (prices.time[epoch] - prices.time[epoch + 1]) * busy_s(node, prices, epoch, following)


@njit(cache=True)
def _consider_batches(node, prices, plan, workspace, epoch):  # type: ignore[no-untyped-def]
    """Every batch of an epoch, by the cell in which it ends; cells alike in members and prices share a search."""
    if node.first[epoch] == node.first[epoch + 1]:
        return
    end, latest = 1, node.last_cell[node.first[epoch] : node.first[epoch + 1]].max()
    while end <= latest:
        alike = end
        while alike < latest and not _differs(node, epoch, alike + 1):
            alike += 1
        count = lay_out(node, prices, workspace, epoch, end)
        search(workspace, count, alike, node.epoch_s / node.cells, prices.time[epoch])
        for cell in range(end, alike + 1):
            _try_end(node, prices, plan, workspace, epoch, cell)
        end = alike + 1


@njit(cache=True)
def _differs(node: Node, epoch: int, end: int) -> bool:
    """Whether a batch that ends in this cell has other members or prices than one that ends in the cell before."""
    last_cell = node.last_cell[node.first[epoch] : node.first[epoch + 1]]
    return (end - 1) % node.cells == 0 or bool(np.any(last_cell == end - 1))


@njit(cache=True)
def held_until(node: Node, epoch: int, end: int) -> int:
    """First epoch at whose release the memory of a batch that ends in this cell is free again, or the horizon."""
    return min(epoch + 1 + (end - 1) // node.cells, node.first.size - 1)


@njit(cache=True)
def lay_out(node: Node, prices: NodePrices, workspace: Workspace, epoch: int, end: int) -> int:
    """Puts the requests that may be in a batch that ends in this cell on the workspace; returns how many they are."""
    memory = prices.memory[epoch : held_until(node, epoch, end)].sum()
    count = 0
    for entry in range(node.first[epoch], node.first[epoch + 1]):
        if node.last_cell[entry] >= end:
            work_s, usage = node.work_s[entry], node.usage[entry]
            paid = prices.request[node.request[entry]] + prices.time[epoch] * work_s + memory * usage[KV_USAGE]
            offer(workspace, count, entry, node.value[entry] - paid, work_s, node.shared_s[entry], usage)
            count += 1
    return count


@njit(cache=True)
def duration_cells(state: int, end: int) -> int:
    """Cells that a batch may last that ends in one cell on a node that becomes free in another."""
    return end if state == 0 else end - state + 1


@njit(cache=True)
def _try_end(node, prices, plan, workspace, epoch, end):  # type: ignore[no-untyped-def]
    """Offers the batches that end in a cell to every state."""
    following = max(end - node.cells, 0)
    rest = _credit(node, prices, epoch) + _carried(node, prices, epoch, following) + plan.best[epoch + 1, following]
    for state in range(end + 1):
        profit = rest + workspace.worth[duration_cells(state, end)]
        if profit > plan.best[epoch, state]:
            plan.best[epoch, state], plan.ends[epoch, state] = profit, end


@njit(cache=True)
def subtract_usage(node: Node, prices: NodePrices, plan: Plan, workspace: Workspace, slack: NodePrices) -> None:
    """Adds to the constraints' slacks what the plan's schedule leaves of them: a subgradient of its profit."""
    state = 0
    for epoch in range(node.first.size - 1):
        end = plan.ends[epoch, state]
        if end != IDLE or state > 0:
            slack.memory[epoch] += 1.0
            slack.time[epoch] += node.epoch_s
        if end != IDLE:
            count = lay_out(node, prices, workspace, epoch, end)
            search(workspace, count, duration_cells(state, end), node.epoch_s / node.cells, prices.time[epoch])
            _subtract_batch(node, workspace, slack, epoch, end)
        following = max((end if end != IDLE else state) - node.cells, 0)
        busy = busy_s(node, prices, epoch, following)
        slack.time[epoch] += busy
        slack.time[epoch + 1] -= busy
        state = following


@njit(cache=True)
def _subtract_batch(node, workspace, slack, epoch, end):  # type: ignore[no-untyped-def]
    """Takes off what the batch on the workspace uses."""
    longest_s = 0.0
    for place in range(workspace.size[0]):
        entry = workspace.members[place]
        slack.request[node.request[entry]] -= 1.0
        slack.memory[epoch : held_until(node, epoch, end)] -= node.usage[entry, KV_USAGE]
        slack.time[epoch] -= node.work_s[entry]
        longest_s = max(longest_s, node.shared_s[entry])
    slack.time[epoch] -= longest_s
