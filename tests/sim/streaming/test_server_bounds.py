"""Searches of the servers stay in their array for times of any kind; called uncompiled, so that an index is checked."""

import numpy as np
import pytest

from edge_llm_gym.sim.streaming import server
from edge_llm_gym.sim.streaming.records import ServerState, Workspace

CAPACITY = 4


def plain(kernel):
    """The Python function of a kernel, which numba may not have compiled."""
    return getattr(kernel, "py_func", kernel)


def idle_server() -> tuple[ServerState, Workspace]:
    servers = ServerState(
        np.zeros((1, CAPACITY + 1, 1, 2)), np.zeros((1, 1), np.int64), np.zeros((1, 1)), np.zeros((1, 1))
    )
    plain(server.clear_servers)(servers, 0)
    return servers, Workspace(
        order=np.zeros(CAPACITY, np.int64),
        reach_s=np.zeros(CAPACITY),
        scratch=np.zeros(CAPACITY, np.int64),
        skipped=np.zeros(1, np.int64),
        unused_s=np.zeros(1),
    )


@pytest.mark.parametrize(
    ("reach_s", "service_s"), [(np.inf, 1.0), (0.5, np.inf), (np.inf, np.inf), (np.nan, 1.0), (1e308, 1e308)]
)
@np.errstate(all="ignore")  # differences of infinite times
def test_no_time_leads_out_of_the_array(reach_s, service_s):
    servers, workspace = idle_server()
    for _ in range(CAPACITY):
        plain(server.serve)(servers, 0, 0, 0.0, 1.0, reach_s, service_s, workspace)
        assert 0 <= servers.idle_first[0, 0] <= CAPACITY
    assert 0 <= workspace.skipped[0] <= CAPACITY
    first = int(servers.idle_first[0, 0])
    plain(server._unused_s)(servers.idle_s[0, :, 0], first, 0.0, 0.0, np.inf)
    plain(server._committed_s)(servers.idle_s[0, :, 0], first, 1.0)


def test_finite_times_leave_the_last_interval_open():
    servers, workspace = idle_server()
    assert plain(server.serve)(servers, 0, 0, 0.0, 1.0, 0.25, 0.5, workspace) == (0.25, 0.75)
    assert plain(server.serve)(servers, 0, 0, 0.0, 1.0, 0.5, 2.0, workspace) == (0.75, 2.75)
    assert servers.idle_s[0, servers.idle_first[0, 0], 0].tolist() == [2.75, np.inf]
    assert plain(server._committed_s)(servers.idle_s[0, :, 0], int(servers.idle_first[0, 0]), 1.0) == 1.75
