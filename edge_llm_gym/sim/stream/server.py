"""A node as a single server, which requests of an earlier epoch use first.

The discipline is preemptive-resume priority between epochs, and first come, first served within one: a request in
service makes way for one of an earlier epoch that reaches the node, and goes on where it stopped. So nothing that a
later action does can delay a request of an earlier epoch, whose whole way is settled as soon as the action of its own
epoch is known; and no server stands idle while somebody waits, as under plain first-come first-served.

What a node has still to offer is therefore a list of idle intervals, the last of which never ends. A request takes the
earliest idle time from the moment at which it reaches the node. Within an epoch requests come in order of that moment,
so one pass over the list does. What they pass by is collected at the front of the arrays, and put back at the end.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.stream.state import StreamState


class Servers(NamedTuple):
    """The nodes of one row during one epoch. Idle intervals lie in places first, first + 1, ... of their arrays."""

    begin_s: float  # the epoch's
    end_s: float
    from_s: Array  # [K, C + 1] float64, starts of the idle intervals, in order
    until_s: Array  # [K, C + 1] float64, their ends; the last interval never ends (inf)
    first: Array  # [K] int64
    passed: Array  # [K] int64, intervals at the front of the arrays: passed by, but of use to later epochs
    idle_s: Array  # [K] float64, time within the epoch that was passed by


@njit(cache=True)
def open_nodes(state: StreamState, row: int) -> None:
    """Leaves the nodes of a row idle for ever: one interval, at the end of the arrays, since others go before it."""
    last = state.idle_from_s.shape[2] - 1
    state.idle_first[row] = last
    state.idle_from_s[row, :, last] = 0.0
    state.idle_until_s[row, :, last] = np.inf


@njit(cache=True)
def servers_of(state: StreamState, row: int, begin_s: float, end_s: float) -> Servers:
    """The nodes of a row at the start of an epoch."""
    nodes = state.idle_first.shape[1]
    return Servers(
        begin_s,
        end_s,
        state.idle_from_s[row],
        state.idle_until_s[row],
        state.idle_first[row],
        np.zeros(nodes, np.int64),
        np.zeros(nodes),
    )


@njit(cache=True)
def overlap_s(from_s: float, until_s: float, begin_s: float, end_s: float) -> float:
    """Length of what two intervals have in common."""
    return max(min(until_s, end_s) - max(from_s, begin_s), 0.0)


@njit(cache=True)
def _pass_by(servers, node, from_s, until_s):  # type: ignore[no-untyped-def]
    """Leaves an interval idle; later epochs may use what reaches beyond this one."""
    servers.idle_s[node] += overlap_s(from_s, until_s, servers.begin_s, servers.end_s)
    if until_s > servers.end_s:
        place = servers.passed[node]
        servers.from_s[node, place] = from_s
        servers.until_s[node, place] = until_s
        servers.passed[node] = place + 1


@njit(cache=True)
def serve(servers: Servers, node: int, reach_s: float, service_s: float) -> tuple[float, float]:
    """Start and end of a service. Within an epoch, calls for a node must come in ascending order of `reach_s`."""
    place = servers.first[node]
    while servers.until_s[node, place] <= reach_s:
        _pass_by(servers, node, servers.from_s[node, place], servers.until_s[node, place])
        place += 1
    start_s = max(servers.from_s[node, place], reach_s)
    if start_s > servers.from_s[node, place]:
        _pass_by(servers, node, servers.from_s[node, place], start_s)
    resumed_s, left_s = start_s, service_s
    while servers.until_s[node, place] - resumed_s < left_s:
        left_s -= servers.until_s[node, place] - resumed_s
        place += 1
        resumed_s = servers.from_s[node, place]
    finish_s = min(resumed_s + left_s, servers.until_s[node, place])
    servers.from_s[node, place] = finish_s
    servers.first[node] = place if finish_s < servers.until_s[node, place] else place + 1
    return start_s, finish_s


@njit(cache=True)
def _idle_s(servers, node):  # type: ignore[no-untyped-def]
    """Time within the epoch in which a node had nothing to do."""
    place, idle_s = servers.first[node], servers.idle_s[node]
    idle_s += overlap_s(servers.from_s[node, place], servers.until_s[node, place], servers.begin_s, servers.end_s)
    while servers.until_s[node, place] < servers.end_s:
        place += 1
        idle_s += overlap_s(servers.from_s[node, place], servers.until_s[node, place], servers.begin_s, servers.end_s)
    return idle_s


@njit(cache=True)
def _put_back(servers, node):  # type: ignore[no-untyped-def]
    """Moves the intervals that were passed by from the front of the arrays to where the list begins."""
    place = servers.first[node]
    for passed in range(servers.passed[node] - 1, -1, -1):
        place -= 1
        servers.from_s[node, place] = servers.from_s[node, passed]
        servers.until_s[node, place] = servers.until_s[node, passed]
    servers.first[node] = place


@njit(cache=True)
def _claimed_s(servers, node):  # type: ignore[no-untyped-def]
    """Time after the epoch that lies outside the idle intervals."""
    place, claimed_s, settled_s = servers.first[node], 0.0, servers.end_s
    while settled_s < np.inf:
        claimed_s += max(servers.from_s[node, place] - settled_s, 0.0)
        settled_s = max(servers.until_s[node, place], settled_s)
        place += 1
    return claimed_s


@njit(cache=True)
def close_epoch(servers: Servers, busy_s: Array, claimed_s: Array) -> None:
    """Writes down how long each node [K] computed in the epoch, and how much of the time to come is claimed."""
    for node in range(servers.first.size):
        busy_s[node] = max(servers.end_s - servers.begin_s - _idle_s(servers, node), 0.0)
        _put_back(servers, node)
        claimed_s[node] = _claimed_s(servers, node)
