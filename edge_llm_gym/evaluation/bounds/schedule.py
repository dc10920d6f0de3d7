"""The most profitable schedule of one node under given prices, by dynamic programming over epochs and cells of time."""

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.evaluation.bounds.batch_search import search
from edge_llm_gym.evaluation.bounds.batch_workspace import Workspace, insert
from edge_llm_gym.evaluation.bounds.node_plan import IDLE, Node, NodePrices, Plan
from edge_llm_gym.problems.feasibility import KV_USAGE


@njit(cache=True)
def optimise(node: Node, prices: NodePrices, plan: Plan, workspace: Workspace) -> float:
    """Fills the plan from the last epoch to the first; returns the profit of the best schedule."""
    horizon = node.first.size - 1
    plan.best[horizon] = 0.0
    for epoch in range(horizon - 1, -1, -1):
        for state in range(plan.best.shape[1]):
            following = max(state - node.cells, 0)
            credit = _busy_credit(node, prices, epoch) if state > 0 else 0.0
            rest = _carry_over(node, prices, epoch, following) + plan.best[epoch + 1, following]
            plan.best[epoch, state] = credit + rest
            plan.ends[epoch, state] = IDLE
        _add_batches(node, prices, plan, workspace, epoch)
    return plan.best[0, 0]


@njit(cache=True)
def _busy_credit(node: Node, prices: NodePrices, epoch: int) -> float:
    """Price of the right-hand sides of the memory and time constraints of an epoch in which the node is busy."""
    return prices.memory[epoch] + prices.time[epoch] * node.epoch_s


@njit(cache=True)
def busy_s(node: Node, prices: NodePrices, epoch: int, following: int) -> float:
    """The most profitable h_e, the time in s that the node is busy past the next release, in the cell `following`."""
    if following == 0:
        return 0.0
    upper = prices.time[epoch] > prices.time[epoch + 1]
    return (following if upper else following - 1) * node.epoch_s / node.cells


@njit(cache=True)
def _carry_over(node: Node, prices: NodePrices, epoch: int, following: int) -> float:
    """Price of the time that the node is busy past the next release."""
    return (prices.time[epoch] - prices.time[epoch + 1]) * busy_s(node, prices, epoch, following)


@njit(cache=True)
def _add_batches(node: Node, prices: NodePrices, plan: Plan, workspace: Workspace, epoch: int) -> None:
    """Tries every batch of an epoch, by the cell of its end; cells of equal candidates and prices share a search."""
    if node.first[epoch] == node.first[epoch + 1]:
        return
    end, latest = 1, node.last_cell[node.first[epoch] : node.first[epoch + 1]].max()
    while end <= latest:
        last_equal = end
        while last_equal < latest and not _differs_from_previous(node, epoch, last_equal + 1):
            last_equal += 1
        count = load_candidates(node, prices, workspace, epoch, end)
        search(workspace, count, last_equal, node.epoch_s / node.cells, prices.time[epoch])
        for cell in range(end, last_equal + 1):
            _try_end(node, prices, plan, workspace, epoch, cell)
        end = last_equal + 1


@njit(cache=True)
def _differs_from_previous(node: Node, epoch: int, end: int) -> bool:
    """Whether batches that end in this cell have other candidates or prices than those that end one cell earlier."""
    last_cell = node.last_cell[node.first[epoch] : node.first[epoch + 1]]
    return (end - 1) % node.cells == 0 or bool(np.any(last_cell == end - 1))


@njit(cache=True)
def memory_free_epoch(node: Node, epoch: int, end: int) -> int:
    """First epoch at whose release the memory of a batch that ends in this cell is free, or the horizon."""
    return min(epoch + 1 + (end - 1) // node.cells, node.first.size - 1)


@njit(cache=True)
def load_candidates(node: Node, prices: NodePrices, workspace: Workspace, epoch: int, end: int) -> int:
    """Loads the candidates of batches that end in this cell into the workspace; returns their number."""
    memory = prices.memory[epoch : memory_free_epoch(node, epoch, end)].sum()
    count = 0
    for entry in range(node.first[epoch], node.first[epoch + 1]):
        if node.last_cell[entry] >= end:
            work_s, usage = node.work_s[entry], node.usage[entry]
            paid = prices.request[node.request[entry]] + prices.time[epoch] * work_s + memory * usage[KV_USAGE]
            insert(workspace, count, entry, node.value[entry] - paid, work_s, node.shared_s[entry], usage)
            count += 1
    return count


@njit(cache=True)
def duration_cells(state: int, end: int) -> int:
    """Longest duration in cells of a batch that ends in cell `end` on a node that becomes idle in cell `state`."""
    return end if state == 0 else end - state + 1


@njit(cache=True)
def _try_end(node: Node, prices: NodePrices, plan: Plan, workspace: Workspace, epoch: int, end: int) -> None:
    """Updates the plan of every state with the best batch that ends in a cell."""
    following = max(end - node.cells, 0)
    rest = (
        _busy_credit(node, prices, epoch)
        + _carry_over(node, prices, epoch, following)
        + plan.best[epoch + 1, following]
    )
    for state in range(end + 1):
        profit = rest + workspace.best_profit[duration_cells(state, end)]
        if profit > plan.best[epoch, state]:
            plan.best[epoch, state], plan.ends[epoch, state] = profit, end


@njit(cache=True)
def subtract_usage(node: Node, prices: NodePrices, plan: Plan, workspace: Workspace, slack: NodePrices) -> None:
    """Adds the slacks that the plan's schedule leaves in the constraints: a subgradient of its profit."""
    state = 0
    for epoch in range(node.first.size - 1):
        end = plan.ends[epoch, state]
        if end != IDLE or state > 0:
            slack.memory[epoch] += 1.0
            slack.time[epoch] += node.epoch_s
        if end != IDLE:
            count = load_candidates(node, prices, workspace, epoch, end)
            search(workspace, count, duration_cells(state, end), node.epoch_s / node.cells, prices.time[epoch])
            _subtract_batch(node, workspace, slack, epoch, end)
        following = max((end if end != IDLE else state) - node.cells, 0)
        busy = busy_s(node, prices, epoch, following)
        slack.time[epoch] += busy
        slack.time[epoch + 1] -= busy
        state = following


@njit(cache=True)
def _subtract_batch(node: Node, workspace: Workspace, slack: NodePrices, epoch: int, end: int) -> None:
    """Subtracts the resources that the batch in the workspace uses."""
    longest_s = 0.0
    for entry in workspace.members[: workspace.size[0]]:
        slack.request[node.request[entry]] -= 1.0
        slack.memory[epoch : memory_free_epoch(node, epoch, end)] -= node.usage[entry, KV_USAGE]
        slack.time[epoch] -= node.work_s[entry]
        longest_s = max(longest_s, node.shared_s[entry])
    slack.time[epoch] -= longest_s
