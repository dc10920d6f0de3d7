"""Better assignments and tighter bounds by prices on the requests: the Lagrangian dual of "each on one node at most".

If taking a request costs its price on every node, the nodes no longer share anything: the sum of the prices and of each
node's best batch net of them bounds the optimum (Fisher, "The Lagrangian relaxation method for solving integer
programming problems", 1981). Prices rise where several nodes want a request and fall where none does, by subgradient
steps in Polyak's length. Every round's batches, freed of double bookings and filled up, are a candidate assignment.
"""

import numpy as np
from numba import njit

from edge_llm_gym.problems.batch import RELATIVE_TOLERANCE
from edge_llm_gym.solvers.multipliers import Flags, Floats, Ints
from edge_llm_gym.solvers.oracle import Oracle, ask
from edge_llm_gym.solvers.scaling import grain_of
from edge_llm_gym.solvers.search import attainable

_FIRST_PRICE = 0.5  # of the value of the requests served at first
_PATIENCE = 2  # rounds without a better bound before the steps shrink
_SHRINK = 0.6


@njit(cache=True)
def improve_by_prices(oracle: Oracle, node: Ints, bound: float, rounds: int) -> tuple[Ints, float]:
    """The best of the assignment ``node`` [N] and ``rounds`` candidates, and an upper bound on every assignment.

    ``bound`` is the best upper bound known before.
    """
    best, value = node, total(oracle, node)
    price = _FIRST_PRICE * worth(oracle, node)
    least, scale, stalled = np.inf, 1.0, 0
    for turn in range(rounds):
        if bound <= value * (1.0 + RELATIVE_TOLERANCE):
            break
        wanted, priced = _price_batches(oracle, price)
        stalled = 0 if priced < least else stalled + 1
        least = min(least, priced)
        bound = min(bound, sharpened(oracle, priced))
        candidate = _candidate(oracle, wanted, turn)
        if total(oracle, candidate) > value:
            best, value = candidate, total(oracle, candidate)
        if stalled > _PATIENCE:
            scale, stalled = scale * _SHRINK, 0
        price = _next_price(price, wanted, scale * (priced - value))
    return best, bound


@njit(cache=True, no_cpython_wrapper=True)
def _price_batches(oracle: Oracle, price: Floats) -> tuple[Flags, float]:
    """Which node wants which request [K, N] at these prices, and the bound that this proves."""
    wanted = np.empty(oracle.value.shape, np.bool_)
    bound = price.sum()
    for place in range(len(wanted)):
        wish = ask(oracle, place, np.maximum(oracle.value[place] - price, 0.0))
        wanted[place] = wish.selected
        bound += wish.upper_bound
    return wanted, bound


@njit(cache=True, no_cpython_wrapper=True)
def _next_price(price: Floats, wanted: Flags, excess: float) -> Floats:
    """One subgradient step as long as the ``excess`` of the bound over the best value justifies (Polyak)."""
    unwanted = 1.0 - wanted.sum(axis=0)
    unwanted[(price == 0.0) & (unwanted > 0.0)] = 0.0
    length = (unwanted**2).sum()
    return price if length == 0.0 else np.maximum(price - excess / length * unwanted, 0.0)


@njit(cache=True, no_cpython_wrapper=True)
def _candidate(oracle: Oracle, wanted: Flags, turn: int) -> Ints:
    """An assignment out of the nodes' wishes [K, N]: first come, first served, the first in line changing each turn."""
    line = (turn + np.arange(len(wanted))) % len(wanted)
    node = np.zeros(wanted.shape[1], np.int64)
    for place in line[::-1]:
        node[wanted[place]] = place + 1
    return refill(oracle, node, line)


@njit(cache=True)
def refill(oracle: Oracle, node: Ints, line: Ints) -> Ints:
    """Let each node of the ``line`` choose again, among all requests at their worth beyond where they are now.

    The total never falls: a node's present batch stays open to it.
    """
    node = node.copy()
    for place in line:
        mine, value = node == place + 1, oracle.value[place]
        elsewhere = np.where(mine, 0.0, worth(oracle, node))
        wish = ask(oracle, place, np.maximum(value - elsewhere, 0.0))
        if wish.profit >= value[mine].sum():
            node[mine] = 0
            node[wish.selected] = place + 1
    return node


@njit(cache=True)
def worth(oracle: Oracle, node: Ints) -> Floats:
    """Value [N] of each request on its node; 0 for one that is left out."""
    value = np.zeros(node.size)
    for j in range(node.size):
        if node[j] > 0:
            value[j] = oracle.value[node[j] - 1, j]
    return value


@njit(cache=True)
def total(oracle: Oracle, node: Ints) -> float:
    """Value of an assignment ``node`` [N]."""
    return float(worth(oracle, node).sum())


@njit(cache=True)
def sharpened(oracle: Oracle, bound: float) -> float:
    """The greatest total up to the ``bound`` that can be made of the requests' values at all."""
    unit = oracle.value.max()
    return unit * attainable(bound / unit, grain_of(oracle.value.ravel() / unit))
