"""A node as a single server, which requests of an earlier epoch use first.

The discipline is preemptive-resume priority between epochs, and first come, first served within one: a request in
service makes way for one of an earlier epoch that reaches the node, and goes on where it stopped. So nothing that a
later action does can delay a request of an earlier epoch, whose whole way is settled as soon as the action of its own
epoch is known; and no server stands idle while somebody waits, as under plain first-come first-served.

What a node has still to offer is therefore a list of idle intervals, the last of which never ends. A request takes the
earliest idle time from the moment at which it reaches the node. Within an epoch requests come in order of that moment,
so one pass over the list does. What they pass by is collected at the front of the array, and put back at the end.

Of one row, `idle_s` [K, C + 1, 2] holds starts and ends of the idle intervals, in order, from place `first` [K] on.
During an epoch from `begin_s` to `end_s`, `passed` [K] counts the intervals that were passed by but are of use to later
epochs, and `unused_s` [K] is the time within the epoch that was passed by.
"""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel

FROM, UNTIL = 0, 1


@kernel
def open_nodes(idle_s: Array, first: Array) -> None:
    """Leaves the nodes of a row idle for ever: one interval, at the end of the array, since others go before it."""
    last = idle_s.shape[1] - 1
    first[:] = last
    idle_s[:, last, FROM] = 0.0
    idle_s[:, last, UNTIL] = np.inf


@kernel
def overlap_s(from_s: float, until_s: float, begin_s: float, end_s: float) -> float:
    """Length of what two intervals have in common."""
    return max(min(until_s, end_s) - max(from_s, begin_s), 0.0)


@kernel
def _pass_by(idle_s, passed, unused_s, begin_s, end_s, node, from_s, until_s):  # type: ignore[no-untyped-def]
    """Leaves an interval idle; later epochs may use what reaches beyond this one."""
    unused_s[node] += overlap_s(from_s, until_s, begin_s, end_s)
    if until_s > end_s:
        idle_s[node, passed[node], FROM] = from_s
        idle_s[node, passed[node], UNTIL] = until_s
        passed[node] += 1


@kernel
def serve(
    idle_s: Array,
    first: Array,
    passed: Array,
    unused_s: Array,
    begin_s: float,
    end_s: float,
    node: int,
    reach_s: float,
    service_s: float,
) -> tuple[float, float]:
    """Start and end of a service. Within an epoch, calls for a node must come in ascending order of `reach_s`."""
    place = first[node]
    while idle_s[node, place, UNTIL] <= reach_s:
        from_s, until_s = idle_s[node, place, FROM], idle_s[node, place, UNTIL]
        _pass_by(idle_s, passed, unused_s, begin_s, end_s, node, from_s, until_s)
        place += 1
    start_s = max(idle_s[node, place, FROM], reach_s)
    if start_s > idle_s[node, place, FROM]:
        _pass_by(idle_s, passed, unused_s, begin_s, end_s, node, idle_s[node, place, FROM], start_s)
    resumed_s, left_s = start_s, service_s
    while idle_s[node, place, UNTIL] - resumed_s < left_s:
        left_s -= idle_s[node, place, UNTIL] - resumed_s
        place += 1
        resumed_s = idle_s[node, place, FROM]
    finish_s = min(resumed_s + left_s, idle_s[node, place, UNTIL])
    idle_s[node, place, FROM] = finish_s
    first[node] = place if finish_s < idle_s[node, place, UNTIL] else place + 1
    return start_s, finish_s


@kernel
def _unused_s(idle_s, place, unused_s, begin_s, end_s, node):  # type: ignore[no-untyped-def]
    """Adds to `unused_s` the time within the epoch in the intervals from a place on."""
    unused_s += overlap_s(idle_s[node, place, FROM], idle_s[node, place, UNTIL], begin_s, end_s)
    while idle_s[node, place, UNTIL] < end_s:
        place += 1
        unused_s += overlap_s(idle_s[node, place, FROM], idle_s[node, place, UNTIL], begin_s, end_s)
    return unused_s


@kernel
def _put_back(idle_s, first, passed, node):  # type: ignore[no-untyped-def]
    """Moves the intervals that were passed by from the front of the array to where the list begins."""
    place = first[node]
    for front in range(passed[node] - 1, -1, -1):
        place -= 1
        idle_s[node, place, FROM] = idle_s[node, front, FROM]
        idle_s[node, place, UNTIL] = idle_s[node, front, UNTIL]
    first[node] = place


@kernel
def _committed_s(idle_s, place, end_s, node):  # type: ignore[no-untyped-def]
    """Time after the epoch that lies outside the idle intervals."""
    committed_s, settled_s = 0.0, end_s
    while settled_s < np.inf:
        committed_s += max(idle_s[node, place, FROM] - settled_s, 0.0)
        settled_s = max(idle_s[node, place, UNTIL], settled_s)
        place += 1
    return committed_s


@kernel
def close_epoch(
    idle_s: Array,
    first: Array,
    passed: Array,
    unused_s: Array,
    begin_s: float,
    end_s: float,
    busy_s: Array,
    committed_s: Array,
) -> None:
    """Writes down how long each node [K] computed in the epoch, and how much of the time to come is claimed."""
    for node in range(first.size):
        unused = _unused_s(idle_s, first[node], unused_s[node], begin_s, end_s, node)
        busy_s[node] = max(end_s - begin_s - unused, 0.0)
        _put_back(idle_s, first, passed, node)
        committed_s[node] = _committed_s(idle_s, first[node], end_s, node)
