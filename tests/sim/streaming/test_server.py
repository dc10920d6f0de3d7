"""The servers against independent simulations, event by event: of the priority queue, and of a plain network."""

import heapq

import numpy as np
import pytest

from tests.sim.streams import by_hand, run, staged


def priority_queue(jobs) -> list[float]:
    """End of each job (epoch, reach, service) on a server where earlier epochs preempt later ones, then first come."""
    events = sorted(range(len(jobs)), key=lambda job: jobs[job][1])
    left = [service for _, _, service in jobs]
    ends = [0.0] * len(jobs)
    waiting: list[tuple[int, float, int, int]] = []
    now = 0.0
    for turn, job in enumerate([*events, None]):
        until = np.inf if job is None else jobs[job][1]
        while waiting and now < until:
            current = waiting[0][3]
            spent = min(left[current], until - now)
            left[current] -= spent
            now += spent
            if left[current] <= 1e-12:
                ends[current] = now
                heapq.heappop(waiting)
        if job is not None:
            now = until
            heapq.heappush(waiting, (jobs[job][0], until, turn, job))
    return ends


def random_traffic(rng, count: int, epochs: int, sizes: list[int]):
    """A random tape on a network of these stages: bursts, long and short services, some at once on the next node."""
    hosted = sum(size * {0: 1, 1: 1, 2: 2}[stage] for stage, size in enumerate(sizes))
    scenario = staged(sizes, horizon_epochs=epochs, **{"devices.count": 3})
    load = rng.uniform(0.2, 2.0)
    return by_hand(
        scenario,
        np.sort(rng.random(count) * epochs),
        device=rng.integers(3, size=count),
        bits=rng.exponential(2e4, (count, 2)),
        forward_bits=rng.exponential(3e8, count),
        service_s=rng.gamma(0.5, 2.0 * load * epochs / count, (count, hosted)),
        confidence=rng.random((count, 4)),
        route=rng.random((count, len(sizes))),
    )


def jobs_of(simulator, node: int):
    """(epoch, reach, service) of a node's visits, and their ends as the simulator says; services from the tape."""
    state, tape, parameters = simulator.state, simulator.tape, simulator.parameters
    jobs, ends = [], []
    for request, stage in np.argwhere(state.requests.node[0] == node + 1):
        last = min(state.requests.exit_block[0, request] - 1, parameters.network.last_block[node])
        hosted = parameters.network.first_hosted[node] + np.arange(last - parameters.network.first_block[node] + 1)
        service = float(tape.service_s[0, request, hosted].sum())
        jobs.append(
            (int(tape.requests.arrival_s[0, request]), float(state.requests.reach_s[0, request, stage]), service)
        )
        ends.append(state.requests.finish_s[0, request, stage])
    return jobs, ends


@pytest.mark.parametrize("seed", range(25))
def test_every_node_is_a_preemptive_priority_queue(seed):
    rng = np.random.default_rng(seed)
    simulator = random_traffic(rng, 150, 12, [2, 3, 2])
    run(simulator, rng.random((10, 7)), rng.random(7))
    for node in range(7):
        jobs, ends = jobs_of(simulator, node)
        np.testing.assert_allclose(ends, priority_queue(jobs), rtol=0, atol=1e-9)


def test_of_many_requests_that_come_at_once_the_earlier_one_is_served_first():
    """400 requests per epoch at 20 moments, on two entry nodes whose services take no time, and on one deep node."""
    rng, count = np.random.default_rng(0), 1200
    service_s = np.zeros((count, 5))
    service_s[:, 2:] = rng.random((count, 3)) / 500
    simulator = by_hand(
        staged([2, 1], horizon_epochs=3),
        np.sort(rng.integers(60, size=count)) / 20.0,
        service_s=service_s,
        confidence=0.0,
        route=rng.random((count, 2)),
    )
    run(simulator)
    assert np.unique(simulator.state.requests.reach_s[0, :, 1]).size <= 60
    for node in range(3):
        jobs, ends = jobs_of(simulator, node)
        np.testing.assert_allclose(ends, priority_queue(jobs), rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_what_a_node_has_to_do_is_what_its_visits_say(seed):
    """Busy time, committed time and unfinished visits of every epoch, recomputed from the jobs of the whole episode."""
    rng = np.random.default_rng(seed)
    simulator = random_traffic(rng, 120, 10, [2, 2, 1])
    weights, threshold = rng.random((8, 5)).astype(np.float32), rng.random(5).astype(np.float32)
    for epoch in range(10):
        simulator.step(weights[None], threshold[None])
        now = epoch + 1.0
        for node in range(5):
            jobs, ends = jobs_of(simulator, node)
            assert simulator.state.open_visits[0, node] == sum(end > now for end in ends)
            done_s, done_before_s = (sum(work_done(jobs, at)) for at in (now, now - 1.0))
            total_s = sum(service for _, _, service in jobs)
            assert simulator.state.servers.busy_last_s[0, node] == pytest.approx(done_s - done_before_s, abs=1e-9)
            assert simulator.state.servers.committed_s[0, node] == pytest.approx(total_s - done_s, abs=1e-9)


def work_done(jobs, at: float) -> list[float]:
    """Time that a work-conserving server has spent by `at`, whatever its order: busy period by busy period."""
    spent, free = [], 0.0
    for _, reach, service in sorted(jobs, key=lambda job: job[1]):
        begin = max(free, reach)
        free = begin + service
        spent.append(min(max(at - begin, 0.0), service))
    return spent


def plain_network(simulator) -> np.ndarray:
    """Delays under plain first-come first-served, event by event, along the ways that the simulator chose."""
    state, tape, parameters = simulator.state, simulator.tape, simulator.parameters
    free = np.zeros(simulator.nodes)
    leaves = np.zeros(tape.requests.length[0])
    events = [(state.requests.reach_s[0, request, 0], request, 0) for request in range(tape.requests.length[0])]
    heapq.heapify(events)
    while events:
        reach, request, stage = heapq.heappop(events)
        node = state.requests.node[0, request, stage] - 1
        last = min(state.requests.exit_block[0, request] - 1, parameters.network.last_block[node])
        hosted = parameters.network.first_hosted[node] + np.arange(last - parameters.network.first_block[node] + 1)
        free[node] = max(free[node], reach) + tape.service_s[0, request, hosted].sum()
        leaves[request] = free[node]
        if state.requests.exit_block[0, request] - 1 > last:
            heapq.heappush(events, (free[node] + tape.exits.forward_bits[0, request] / 1e9, request, stage + 1))
    return leaves


@pytest.mark.parametrize("seed", range(5))
def test_within_one_epoch_the_network_is_plain_first_come_first_served(seed):
    rng = np.random.default_rng(seed)
    simulator = random_traffic(rng, 400, 1, [3, 2, 2])
    run(simulator, rng.random((10, 7)), rng.random(7))
    assert (simulator.state.requests.node[0] > 0).sum() > 500, "requests must go on past the first stage"
    np.testing.assert_allclose(
        simulator.state.requests.finish_s[0].max(axis=1), plain_network(simulator), rtol=0, atol=1e-9
    )


def test_over_epochs_the_mean_delay_stays_close_to_first_come_first_served():
    """Giving earlier epochs precedence moves single requests, and the mean by less than a twentieth."""
    rng = np.random.default_rng(0)
    simulator = random_traffic(rng, 4000, 200, [3, 2, 2])
    run(simulator, threshold=np.full(7, 0.6))
    first_come = plain_network(simulator)
    finish = simulator.state.requests.finish_s[0].max(axis=1)
    assert (np.abs(finish - first_come) > 1e-6).mean() > 0.05, "the disciplines must differ"
    arrival = simulator.tape.requests.arrival_s[0]
    assert (finish - arrival).mean() == pytest.approx((first_come - arrival).mean(), rel=0.05)


def test_what_a_later_action_does_never_moves_an_earlier_request():
    rng = np.random.default_rng(1)
    simulator = random_traffic(rng, 200, 10, [2, 2, 2])
    weights = rng.random((9, 6))
    for _ in range(5):
        simulator.step(weights.astype(np.float32)[None], np.full((1, 6), 0.5, np.float32))
    settled = int(simulator.state.next_arrival[0])
    before = simulator.state.requests.finish_s[0, :settled].copy()
    for _ in range(5):
        simulator.step(rng.random((1, 9, 6)).astype(np.float32), rng.random((1, 6)).astype(np.float32))
    np.testing.assert_array_equal(simulator.state.requests.finish_s[0, :settled], before)
