"""Assignment problems of many rows as one record of arrays, which compiled solvers take row by row."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import PER_REQUEST, BatchArrays, BatchProblem, check_range, stacked

PER_NODE: Final = ("memory_bytes", "time_cap_s", "time_price")
"""Fields that hold one number for each node of a row."""


class AssignmentRows(NamedTuple):
    """Assignment problems of R rows over N slots and K nodes, as `AssignmentProblem` defines them.

    All numbers are float64 arrays in C order: one compiled kernel serves all sizes. What an empty slot holds is not
    read.
    """

    visible: Flags  # [R, N] whether the slot holds a request
    time_s: Floats  # [R, N, K]; this and the following as in BatchProblem
    shared_time_s: Floats  # [R, N, K]
    kv_bytes: Floats  # [R, N, K]
    uplink_share: Floats  # [R, N, K]
    downlink_share: Floats  # [R, N, K]
    budget_s: Floats  # [R, N, K]
    value: Floats  # [R, N, K]
    net_value: Floats  # [R, N, K] value less the price of the time that the request adds itself
    memory_bytes: Floats  # [R, K]
    time_cap_s: Floats  # [R, K]
    time_price: Floats  # [R, K]

    def problem(self, row: int) -> AssignmentProblem:
        """The problem of one row over its n visible requests."""
        return AssignmentProblem(tuple(self._node(row, index) for index in range(self.time_s.shape[2])))

    def _node(self, row: int, index: int) -> BatchProblem:
        shown = self.visible[row]
        fields: dict[str, Any] = {name: getattr(self, name)[row, shown, index] for name in PER_REQUEST}
        fields |= {name: float(getattr(self, name)[row, index]) for name in PER_NODE}
        return BatchProblem(**fields)


def assignment_rows(visible: Any, fields: Mapping[str, Any]) -> AssignmentRows:
    """Rows from `visible` [R, N] and the fields of `BatchProblem`: [R, N, K] and, for the last three, [R, K].

    Raises ValueError as `BatchProblem` does for a number that is not allowed.
    """
    shown = _own(np.ascontiguousarray(visible, np.bool_))
    numbers = {name: _own(np.ascontiguousarray(fields[name], np.float64)) for name in BatchArrays._fields}
    for name in PER_REQUEST:
        check_range(name, numbers[name][shown])
    for name in PER_NODE:
        check_range(name, numbers[name])
    net_value = numbers["value"] - numbers["time_price"][:, None, :] * numbers["time_s"]
    return AssignmentRows(visible=shown, net_value=net_value, **numbers)


def _own(array: Any) -> Any:
    """The array, or a copy of a read-only one: numba compiles kernels once more for those."""
    return array if array.flags.writeable else array.copy()


def one_row(problem: AssignmentProblem) -> AssignmentRows:
    """A problem as a single row without empty slots."""
    arrays = stacked(problem.nodes)._asdict()
    single = {name: arrays[name].T[None] if name in PER_REQUEST else arrays[name][None] for name in arrays}
    return assignment_rows(np.ones((1, problem.request_count), np.bool_), single)


@kernel
def waiting_slots(visible: Flags, node: Ints, places: Ints) -> int:
    """Write the slots with a request whose ``node`` [N] is 0 to the begin of ``places`` [N]; returns their number."""
    count = 0
    for slot in range(visible.size):
        if visible[slot] and node[slot] == 0:
            places[count] = slot
            count += 1
    return count


@njit(cache=True)
def arrays_of(rows: AssignmentRows, row: int, slots: Ints) -> BatchArrays:
    """The fields of the nodes of one row over its requests in `slots` [n]: arrays [K, n] and [K].

    Values are net of the price of the time that a request adds itself, as the exact searches take them.
    """
    limits = rows.memory_bytes[row], rows.time_cap_s[row], rows.time_price[row]
    return batch_arrays(rows, rows.net_value, row, slots, limits)


@njit(cache=True)
def batch_arrays(rows: Any, value: Floats, row: int, slots: Ints, limits: tuple[Floats, Floats, Floats]) -> BatchArrays:
    """The same for values [R, N, K] and limits [K]: memory, time cap and time price.

    `rows` is a record of rows with the costs of `AssignmentRows`.
    """
    return BatchArrays(
        _by_node(rows.time_s[row], slots),
        _by_node(rows.shared_time_s[row], slots),
        _by_node(rows.kv_bytes[row], slots),
        _by_node(rows.uplink_share[row], slots),
        _by_node(rows.downlink_share[row], slots),
        _by_node(rows.budget_s[row], slots),
        _by_node(value[row], slots),
        limits[0],
        limits[1],
        limits[2],
    )


@njit(cache=True)
def _by_node(pairs: Floats, slots: Ints) -> Floats:
    """[K, n] of pairs [N, K]."""
    chosen = np.empty((pairs.shape[1], slots.size))
    for index in range(slots.size):
        for node in range(pairs.shape[1]):
            chosen[node, index] = pairs[slots[index], node]
    return chosen


@kernel
def node_of(problems: BatchArrays, index: int) -> BatchArrays:
    """The fields of one of K nodes: arrays [n] and numbers. For kernels: references are not counted."""
    return BatchArrays(
        problems.time_s[index],
        problems.shared_time_s[index],
        problems.kv_bytes[index],
        problems.uplink_share[index],
        problems.downlink_share[index],
        problems.budget_s[index],
        problems.value[index],
        problems.memory_bytes[index],
        problems.time_cap_s[index],
        problems.time_price[index],
    )


@njit(cache=True, nogil=True)
def _write_objectives(rows: AssignmentRows, node: Ints, objective: Floats) -> None:
    for row in range(node.shape[0]):
        for index in range(rows.time_s.shape[2]):
            value, time_s, longest_s = 0.0, 0.0, 0.0
            for slot in range(node.shape[1]):
                if node[row, slot] == index + 1:
                    value += rows.value[row, slot, index]
                    time_s += rows.time_s[row, slot, index]
                    longest_s = max(longest_s, rows.shared_time_s[row, slot, index])
            objective[row] += value - rows.time_price[row, index] * (time_s + longest_s)


def objectives(rows: AssignmentRows, node: Ints) -> Floats:
    """[R] objectives of assignments node [R, N] in 0..K; empty slots have node 0."""
    objective = np.zeros(len(node))
    _write_objectives(rows, np.ascontiguousarray(node, np.int64), objective)
    return objective
