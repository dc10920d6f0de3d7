"""Records of one node's schedule: its candidates, the prices it pays, and the plan of the dynamic program."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array

IDLE = 0
"""Marks an epoch without a batch."""


class Node(NamedTuple):
    """Candidates of one node (see Candidates) on a grid of `cells` cells per epoch; entries are numbered from 0.

    The node's state at the decision time of epoch e is the cell q in which it becomes idle: 0 if not later than the
    release r_e of the epoch's batch, else q if in (q - 1, q] cells after it.
    """

    epoch_s: float
    cells: int
    first: Array  # [H + 1] int64
    request: Array  # [n] int64
    value: Array  # [n]
    work_s: Array  # [n]
    shared_s: Array  # [n]
    usage: Array  # [n, 3]
    last_cell: Array  # [n] int64, last cell after r_e in which a batch may end so that the request meets its deadline


class NodePrices(NamedTuple):
    """Prices that a node's schedule pays, or the subgradients with respect to them."""

    request: Array  # [C] per request served
    memory: Array  # [H] per KV capacity filled at r_e
    time: Array  # [H + 1] per second of epoch e; the last is 0


class Plan(NamedTuple):
    """The optimum by epoch and state; Q is the last state."""

    best: Array  # [H + 1, Q + 1] profit from epoch e in state q on
    ends: Array  # [H, Q + 1] int64, cell in which the batch begun there ends; IDLE for no batch


def new_plan(horizon: int, last_cell: int) -> Plan:
    """An empty plan."""
    return Plan(np.zeros((horizon + 1, last_cell + 1)), np.zeros((horizon, last_cell + 1), np.int64))
