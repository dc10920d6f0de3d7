"""Better assignments and tighter bounds by Lagrangian prices of the requests.

The prices relax the constraint that each request is on at most one node: the problem then decomposes into one batch
problem per node, and the sum of the prices and of each node's best batch net of them bounds the optimum (Fisher, "The
Lagrangian relaxation method for solving integer programming problems", 1981). A price rises if several nodes select the
request and falls if none does, by subgradient steps of Polyak's length. The batches of every round, with double
assignments removed and remaining capacity used, give a candidate assignment.
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.totals import greatest, total
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.solvers.dftsp.scaling import common_divisor
from edge_llm_gym.solvers.dftsp.tree_search import attainable_total
from edge_llm_gym.solvers.ot_gah.oracle import Oracle, members, out_of_time, profit_above, query, shared_cost

_FIRST_PRICE = 0.5  # of the value of the requests in the initial assignment
_STALL_ROUNDS = 2  # rounds without a better bound before the steps shrink
_STEP_DECAY = 0.6


class KnownAnswers(NamedTuple):
    """The last query of every node in `reoptimise`, and its answer."""

    profit: Floats  # [K, N] the query
    selected: Flags  # [K, N] the answer
    total: Floats  # [K] of the answer
    proved: Flags  # [K] whether the search had ended, so that it would give the same answer again


@njit(cache=True)
def no_answers(oracle: Oracle) -> KnownAnswers:
    """Before the first query."""
    shape = oracle.problem.value.shape
    return KnownAnswers(np.empty(shape), np.empty(shape, np.bool_), np.empty(shape[0]), np.zeros(shape[0], np.bool_))


@njit(cache=True)
def improve_by_prices(oracle: Oracle, node: Ints, bound: float, rounds: int) -> tuple[Ints, float]:
    """The best of the assignment ``node`` [N] and ``rounds`` candidates, and an upper bound on every assignment.

    ``bound`` is the best upper bound known before.
    """
    best, value, known = node, assignment_value(oracle, node), no_answers(oracle)
    price = _FIRST_PRICE * assigned_values(oracle, node)
    least, scale, stalled = np.inf, 1.0, 0
    for turn in range(rounds):
        if within_limit(bound, value) or out_of_time(oracle):
            break
        selected, priced = _price_batches(oracle, price)
        stalled = 0 if priced < least else stalled + 1
        least = min(least, priced)
        bound = min(bound, tightened_bound(oracle, priced))
        if within_limit(bound, value):
            break  # no candidate can be better
        candidate = _candidate(oracle, known, selected, turn)
        if assignment_value(oracle, candidate) > value:
            best, value = candidate, assignment_value(oracle, candidate)
        if stalled > _STALL_ROUNDS:
            scale, stalled = scale * _STEP_DECAY, 0
        price = _next_price(price, selected, scale * (priced - value))
    return best, bound


@njit(cache=True, no_cpython_wrapper=True)
def _price_batches(oracle: Oracle, price: Floats) -> tuple[Flags, float]:
    """The requests that each node selects at these prices [K, N], and the bound that this proves."""
    selected = np.empty(oracle.problem.value.shape, np.bool_)
    bound = total(price)
    for index in range(len(selected)):
        answer = query(oracle, index, profit_above(oracle.problem.value[index], price), 1)
        for j in range(price.size):
            selected[index, j] = answer.selected[j]
        bound += answer.upper_bound
    return selected, bound


@njit(cache=True, no_cpython_wrapper=True)
def _next_price(price: Floats, selected: Flags, excess: float) -> Floats:
    """One subgradient step, of Polyak's length for the ``excess`` of the bound over the best value."""
    subgradient, length = np.empty_like(price), 0.0
    for j in range(price.size):
        subgradient[j] = 1.0
        for index in range(len(selected)):
            subgradient[j] -= selected[index, j]
        if price[j] == 0.0 and subgradient[j] > 0.0:
            subgradient[j] = 0.0
        length += subgradient[j] ** 2
    if length == 0.0:
        return price
    for j in range(price.size):
        subgradient[j] = max(price[j] - excess / length * subgradient[j], 0.0)
    return subgradient


@njit(cache=True, no_cpython_wrapper=True)
def _candidate(oracle: Oracle, known: KnownAnswers, selected: Flags, turn: int) -> Ints:
    """Assignment from the nodes' batches [K, N]: of several nodes the first in an order that rotates with ``turn``."""
    count, requests = selected.shape
    order, node = np.empty(count, np.int64), np.zeros(requests, np.int64)
    for place in range(count):
        order[place] = (turn + place) % count
        for j in range(requests):
            if selected[order[place], j] and node[j] == 0:
                node[j] = order[place] + 1
    return reoptimise(oracle, known, node, order)


@njit(cache=True)
def reoptimise(oracle: Oracle, known: KnownAnswers, node: Ints, order: Ints) -> Ints:
    """Let each node of the ``order`` select again, with the value of every request less its value where it is now.

    The total never falls, since each node may keep its present batch, and a node that loses a request loses no more
    than the request's value.
    """
    node = node.copy()
    for index in order:
        present, value = members(node, index), oracle.problem.value[index]
        elsewhere, kept = assigned_values(oracle, node), 0.0
        for j in range(node.size):
            if present[j]:
                elsewhere[j] = 0.0
                kept += value[j]
        gained = _answer(oracle, known, index, profit_above(value, elsewhere))
        if gained >= kept - shared_cost(oracle, index, present):
            reassign(node, present, known.selected[index], index)
    return node


@njit(cache=True, no_cpython_wrapper=True)
def _answer(oracle: Oracle, known: KnownAnswers, index: int, profit: Floats) -> float:
    """Has a node's entry of ``known`` hold the answer for a ``profit`` [N]; returns its total.

    From one round to the next, most nodes are asked for the same profits again.
    """
    is_known = known.proved[index]
    for j in range(profit.size):
        is_known &= profit[j] == known.profit[index, j]
    if not is_known:
        unproved = oracle.counters[1]
        answer = query(oracle, index, profit, 1)
        known.total[index], known.proved[index] = answer.profit, oracle.counters[1] == unproved
        for j in range(profit.size):
            known.profit[index, j], known.selected[index, j] = profit[j], answer.selected[j]
    return float(known.total[index])


@njit(cache=True, no_cpython_wrapper=True)
def reassign(node: Ints, present: Flags, selected: Flags, index: int) -> None:
    """Replace the ``present`` requests of a node by the ``selected`` ones, in ``node`` [N]."""
    for j in range(node.size):
        if selected[j]:
            node[j] = index + 1
        elif present[j]:
            node[j] = 0


@njit(cache=True)
def assigned_values(oracle: Oracle, node: Ints) -> Floats:
    """Value [N] of each request on its node, without shared times; 0 if it is left out."""
    value = np.zeros(node.size)
    for j in range(node.size):
        if node[j] > 0:
            value[j] = oracle.problem.value[node[j] - 1, j]
    return value


@njit(cache=True)
def assignment_value(oracle: Oracle, node: Ints) -> float:
    """Total value of an assignment ``node`` [N] less the price of the shared times."""
    value = total(assigned_values(oracle, node))
    for index in range(len(oracle.problem.value)):
        value -= shared_cost(oracle, index, members(node, index))
    return value


@njit(cache=True)
def tightened_bound(oracle: Oracle, bound: float) -> float:
    """The greatest total up to the ``bound`` that is a multiple of the common divisor of all values.

    Where time has a price there is no such divisor, and the bound stays as it is.
    """
    if greatest(oracle.problem.time_price) > 0.0:
        return bound
    value = oracle.problem.value.ravel()
    unit = greatest(value)
    return unit * attainable_total(bound / unit, common_divisor(value / unit))
