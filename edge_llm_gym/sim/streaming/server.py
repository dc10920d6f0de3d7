"""A node as a single server that requests of an earlier epoch use first.

The discipline is preemptive-resume priority between epochs, and first come, first served within one: a request in
service is interrupted by a request of an earlier epoch that reaches the node, and resumes afterwards. No later action
can therefore delay a request of an earlier epoch, whose path is settled as soon as the action of its own epoch is
known. The discipline is work-conserving, as plain first come, first served is.

The remaining capacity of a node is a list of idle intervals, the last of which never ends. A request takes the earliest
idle time from the moment at which it reaches the node. Within an epoch requests come in the order of that moment, so
one pass over the list suffices. Intervals that are skipped are collected at the front of the array, and put back at the
end of the epoch.

In a row, `idle_s` [C + 1, K, 2] holds starts and ends of the idle intervals, in order, from index `idle_first` [K] on.
In an epoch from `begin_s` to `end_s`, `skipped` [K] counts the intervals that were skipped but are of use to later
epochs, and `unused_s` [K] is the time within the epoch in the skipped intervals.

No search leaves the array, whatever the times are: the last interval is never used up.
"""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.intervals import overlap_s
from edge_llm_gym.sim.streaming.records import ServerState, Workspace

FROM, UNTIL = 0, 1


@kernel
def clear_servers(servers: ServerState, row: int) -> None:
    """Sets the nodes of a row idle forever: one interval, at the end of the array, since others are put before it."""
    last = servers.idle_s.shape[1] - 1
    servers.idle_first[row] = last
    servers.idle_s[row, last, :, FROM] = 0.0
    servers.idle_s[row, last, :, UNTIL] = np.inf
    servers.busy_last_s[row] = 0.0
    servers.committed_s[row] = 0.0


@kernel
def _skip(
    idle_s: Array, begin_s: float, end_s: float, node: int, from_s: float, until_s: float, workspace: Workspace
) -> None:
    """Leaves an interval idle; later epochs may use the part of it after this epoch. idle_s [C + 1, 2] of the node."""
    workspace.unused_s[node] += overlap_s(from_s, until_s, begin_s, end_s)
    if until_s > end_s:
        idle_s[workspace.skipped[node], FROM] = from_s
        idle_s[workspace.skipped[node], UNTIL] = until_s
        workspace.skipped[node] += 1


@kernel
def serve(
    servers: ServerState,
    row: int,
    node: int,
    begin_s: float,
    end_s: float,
    reach_s: float,
    service_s: float,
    workspace: Workspace,
) -> tuple[float, float]:
    """Start and end of a service. Within an epoch, calls for a node must come in ascending order of `reach_s`."""
    idle_s, index = servers.idle_s[row, :, node], servers.idle_first[row, node]
    last = idle_s.shape[0] - 1
    while idle_s[index, UNTIL] <= reach_s and index < last:
        _skip(idle_s, begin_s, end_s, node, idle_s[index, FROM], idle_s[index, UNTIL], workspace)
        index += 1
    start_s = max(idle_s[index, FROM], reach_s)
    if start_s > idle_s[index, FROM]:
        _skip(idle_s, begin_s, end_s, node, idle_s[index, FROM], start_s, workspace)
    resumed_s, remaining_s = start_s, service_s
    while idle_s[index, UNTIL] - resumed_s < remaining_s and index < last:
        remaining_s -= idle_s[index, UNTIL] - resumed_s
        index += 1
        resumed_s = idle_s[index, FROM]
    finish_s = min(resumed_s + remaining_s, idle_s[index, UNTIL])
    idle_s[index, FROM] = finish_s
    servers.idle_first[row, node] = index if finish_s < idle_s[index, UNTIL] else min(index + 1, last)
    return start_s, finish_s


@kernel
def _unused_s(idle_s: Array, index: int, unused_s: float, begin_s: float, end_s: float) -> float:
    """`unused_s` plus the time within the epoch in the intervals from an index on."""
    unused_s += overlap_s(idle_s[index, FROM], idle_s[index, UNTIL], begin_s, end_s)
    while idle_s[index, UNTIL] < end_s and index < idle_s.shape[0] - 1:
        index += 1
        unused_s += overlap_s(idle_s[index, FROM], idle_s[index, UNTIL], begin_s, end_s)
    return unused_s


@kernel
def _put_back(idle_s: Array, first: int, skipped: int) -> int:
    """Moves the skipped intervals from the front of the array to before index `first`; returns the new first index."""
    for front in range(skipped - 1, -1, -1):
        first -= 1
        idle_s[first, FROM] = idle_s[front, FROM]
        idle_s[first, UNTIL] = idle_s[front, UNTIL]
    return first


@kernel
def _committed_s(idle_s: Array, index: int, end_s: float) -> float:
    """Time after the epoch that lies outside the idle intervals from an index on."""
    committed_s, counted_s = 0.0, end_s
    for later in range(index, idle_s.shape[0]):
        committed_s += max(idle_s[later, FROM] - counted_s, 0.0)
        counted_s = max(idle_s[later, UNTIL], counted_s)
    return committed_s


@kernel
def close_epoch(servers: ServerState, row: int, begin_s: float, end_s: float, workspace: Workspace) -> None:
    """Writes down the computing time of each node in the epoch, and the time after it that is committed."""
    for node in range(servers.idle_first.shape[1]):
        idle_s, first = servers.idle_s[row, :, node], servers.idle_first[row, node]
        unused = _unused_s(idle_s, first, workspace.unused_s[node], begin_s, end_s)
        servers.busy_last_s[row, node] = max(end_s - begin_s - unused, 0.0)
        first = _put_back(idle_s, first, workspace.skipped[node])
        servers.idle_first[row, node] = first
        servers.committed_s[row, node] = _committed_s(idle_s, first, end_s)
