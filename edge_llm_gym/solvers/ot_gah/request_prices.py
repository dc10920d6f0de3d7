"""Better assignments and tighter bounds by Lagrangian prices of the requests.

The prices relax the constraint that each request is on at most one node: the problem then decomposes into one batch
problem per node, and the sum of the prices and of each node's best batch net of them bounds the optimum (Fisher, "The
Lagrangian relaxation method for solving integer programming problems", 1981). A price rises if several nodes select the
request and falls if none does, by subgradient steps of Polyak's length. The batches of every round, with double
assignments removed and remaining capacity used, give a candidate assignment.
"""

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.totals import greatest, total
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.solvers.dftsp.scaling import common_divisor
from edge_llm_gym.solvers.dftsp.tree_search import attainable_total
from edge_llm_gym.solvers.ot_gah.oracle import (
    Oracle,
    out_of_time,
    query,
    shared_cost,
    write_members,
    write_profit_above,
)
from edge_llm_gym.solvers.ot_gah.work import KnownAnswers, Work

_FIRST_PRICE = 0.5  # of the value of the requests in the initial assignment
_STALL_ROUNDS = 2  # rounds without a better bound before the steps shrink
_STEP_DECAY = 0.6


@kernel
def improve_by_prices(oracle: Oracle, work: Work, node: Ints, bound: float, rounds: int) -> float:
    """Have ``node`` [N] be the best of the assignment that it is and ``rounds`` candidates; returns an upper bound on
    every assignment.

    ``bound`` is the best upper bound known before.
    """
    value, price, candidate = assignment_value(oracle, node), work.price, work.candidate
    for index in range(work.known.proved.size):
        work.known.proved[index] = False
    write_assigned_values(oracle, node, price)
    for j in range(price.size):
        price[j] *= _FIRST_PRICE
    least, scale, stalled, unit, divisor = np.inf, 1.0, 0, 0.0, 0.0
    for turn in range(rounds):
        if within_limit(bound, value) or out_of_time(oracle):
            break
        if turn == 0:
            unit, divisor = _values_unit(oracle, work.scaled)
        priced = _price_batches(oracle, work)
        stalled = 0 if priced < least else stalled + 1
        least = min(least, priced)
        bound = min(bound, _tightened_bound(priced, unit, divisor))
        if within_limit(bound, value):
            break  # no candidate can be better
        _write_candidate(oracle, work, turn)
        candidate_value = assignment_value(oracle, candidate)
        if candidate_value > value:
            value = candidate_value
            for j in range(node.size):
                node[j] = candidate[j]
        if stalled > _STALL_ROUNDS:
            scale, stalled = scale * _STEP_DECAY, 0
        _step_prices(work, scale * (priced - value))
    return bound


@kernel
def _price_batches(oracle: Oracle, work: Work) -> float:
    """Write the requests that each node selects at the prices [N]; returns the bound that this proves."""
    bound = total(work.price)
    for index in range(len(work.selected)):
        write_profit_above(oracle.problem.value[index], work.price, work.profit)
        bound += query(oracle, index, work.profit, work.selected[index], 1).upper_bound
    return bound


@kernel
def _step_prices(work: Work, excess: float) -> None:
    """One subgradient step, of Polyak's length for the ``excess`` of the bound over the best value."""
    price, subgradient, length = work.price, work.subgradient, 0.0
    for j in range(price.size):
        subgradient[j] = 1.0
        for index in range(len(work.selected)):
            subgradient[j] -= work.selected[index, j]
        if price[j] == 0.0 and subgradient[j] > 0.0:
            subgradient[j] = 0.0
        length += subgradient[j] ** 2
    if length > 0.0:
        for j in range(price.size):
            price[j] = max(price[j] - excess / length * subgradient[j], 0.0)


@kernel
def _write_candidate(oracle: Oracle, work: Work, turn: int) -> None:
    """Write an assignment from the nodes' batches: of several nodes the first in an order that rotates by ``turn``."""
    count, requests = work.selected.shape
    order, node = work.order, work.candidate
    for j in range(requests):
        node[j] = 0
    for place in range(count):
        order[place] = (turn + place) % count
        for j in range(requests):
            if work.selected[order[place], j] and node[j] == 0:
                node[j] = order[place] + 1
    reoptimise(oracle, work, node, order)


@kernel
def reoptimise(oracle: Oracle, work: Work, node: Ints, order: Ints) -> None:
    """Let each node of the ``order`` select again, with the value of every request less its value where it is now.

    The total never falls, since each node may keep its present batch, and a node that loses a request loses no more
    than the request's value.
    """
    present, elsewhere, known = work.present, work.elsewhere, work.known
    for index in order:
        value, kept = oracle.problem.value[index], 0.0
        write_members(node, index, present)
        write_assigned_values(oracle, node, elsewhere)
        for j in range(node.size):
            if present[j]:
                elsewhere[j] = 0.0
                kept += value[j]
        write_profit_above(value, elsewhere, work.profit)
        gained = _answer(oracle, known, index, work.profit)
        if gained >= kept - shared_cost(oracle, index, present):
            reassign(node, present, known.selected[index], index)


@kernel
def _answer(oracle: Oracle, known: KnownAnswers, index: int, profit: Floats) -> float:
    """Has a node's entry of ``known`` hold the answer for a ``profit`` [N]; returns its total.

    From one round to the next, most nodes are asked for the same profits again.
    """
    is_known = known.proved[index]
    for j in range(profit.size):
        is_known &= profit[j] == known.profit[index, j]
    if not is_known:
        unproved = oracle.counters[1]
        known.total[index] = query(oracle, index, profit, known.selected[index], 1).profit
        known.proved[index] = oracle.counters[1] == unproved
        for j in range(profit.size):
            known.profit[index, j] = profit[j]
    return float(known.total[index])


@kernel
def reassign(node: Ints, present: Flags, selected: Flags, index: int) -> None:
    """Replace the ``present`` requests of a node by the ``selected`` ones, in ``node`` [N]."""
    for j in range(node.size):
        if selected[j]:
            node[j] = index + 1
        elif present[j]:
            node[j] = 0


@kernel
def write_assigned_values(oracle: Oracle, node: Ints, value: Floats) -> None:
    """Write the value [N] of each request on its node, without shared times; 0 if it is left out."""
    for j in range(node.size):
        value[j] = oracle.problem.value[node[j] - 1, j] if node[j] > 0 else 0.0


@kernel
def assignment_value(oracle: Oracle, node: Ints) -> float:
    """Total value of an assignment ``node`` [N] less the price of the shared times."""
    value = 0.0
    for j in range(node.size):
        if node[j] > 0:
            value += oracle.problem.value[node[j] - 1, j]
    for index in range(len(oracle.problem.value)):
        longest_s = 0.0
        for j in range(node.size):
            if node[j] == index + 1:
                longest_s = max(longest_s, oracle.problem.shared_time_s[index, j])
        value -= oracle.problem.time_price[index] * longest_s
    return value


@kernel
def _values_unit(oracle: Oracle, scaled: Floats) -> tuple[float, float]:
    """The greatest of all values, and their common divisor in units of it; zeros where time has a price.

    Writes the values in units of the greatest to ``scaled`` [K * N].
    """
    if greatest(oracle.problem.time_price) > 0.0:
        return 0.0, 0.0
    count, requests = oracle.problem.value.shape
    unit = oracle.problem.value[0, 0]
    for index in range(count):
        unit = max(unit, greatest(oracle.problem.value[index]))
    for index in range(count):
        for j in range(requests):
            scaled[index * requests + j] = oracle.problem.value[index, j] / unit
    return unit, common_divisor(scaled)


@kernel
def _tightened_bound(bound: float, unit: float, divisor: float) -> float:
    """The greatest total up to the ``bound`` that is a multiple of the common divisor of all values.

    Where time has a price there is no such divisor, and the bound stays as it is.
    """
    return unit * attainable_total(bound / unit, divisor) if unit > 0.0 else bound
