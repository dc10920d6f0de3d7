"""Schedule the requests of a running server: plain records in, nodes and bandwidth shares out, no environment.

A server would fill the records from its own queue and monitoring; here they are drawn at random.
"""

import time

import numpy as np

from edge_llm_gym.live import LiveScheduler, NodeState, Request


def waiting_requests(live: LiveScheduler, count: int, seed: int) -> list[Request]:
    """Requests as a server could know them."""
    rng = np.random.default_rng(seed)
    names = [live.scenario.nodes[index].name for index in live.scenario.network.entry_nodes]
    return [
        Request(
            id=f"request-{number}",
            prompt_tokens=int(rng.integers(50, 500)),
            output_tokens=int(rng.integers(20, 200)),
            time_left_s=float(rng.uniform(5.0, 15.0)),
            spectral_efficiency={name: tuple(rng.uniform(0.5, 6.0, 2)) for name in names},
        )
        for number in range(count)
    ]


def main(requests: int = 32, seed: int = 0, decisions: int = 100) -> None:
    """Prints a schedule, and how long a decision takes."""
    live = LiveScheduler("multi-node", "ot-gah")
    waiting = waiting_requests(live, requests, seed)
    busy = {live.scenario.nodes[0].name: NodeState(busy_s=2.5)}
    schedule = live.decide(waiting, busy)
    for one in schedule.assignments:
        up_khz, down_khz = one.uplink_hz / 1e3, one.downlink_hz / 1e3
        print(f"{one.request} -> {one.node}, uplink {up_khz:.0f} kHz, downlink {down_khz:.0f} kHz")
    print(f"{len(schedule.assignments)} of {requests} requests will be served, {len(schedule.waiting)} wait")
    times_s = []
    for _ in range(decisions):
        start = time.perf_counter()
        live.decide(waiting, busy)
        times_s.append(time.perf_counter() - start)
    print(f"median time of a decision: {1e3 * np.median(times_s):.1f} ms")


if __name__ == "__main__":
    main()
