"""The data of the figure of an episode of streaming dynamics."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.streaming.history import EpochSeries, epoch_series, present, traffic
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True, eq=False)
class StreamingEpisode:
    """What the figure shows of a row: E epochs done, K nodes, D devices."""

    node_names: tuple[str, ...]
    epoch_s: float
    begin_s: Array  # [E], of the epochs
    series: EpochSeries
    present: tuple[tuple[Array, Array], ...]  # per node, times in s and the requests present from then on
    senders: tuple[str, ...]  # the D devices, then the nodes that forward
    sending_nodes: int
    sent: Array  # [senders, K] int64, requests that took each link


def streaming_episode_of(simulator: Simulator, row: int) -> StreamingEpisode:
    """The episode of a row so far; it need not have ended."""
    scenario, state, devices = simulator.scenario, simulator.state, simulator.scenario.devices.count
    names = tuple(node.name for node in scenario.nodes)
    forwarding = np.flatnonzero(scenario.network.has_link.any(axis=1))
    sent = traffic(simulator, row)
    return StreamingEpisode(
        node_names=names,
        epoch_s=scenario.epoch_s,
        begin_s=np.arange(state.epoch[row]) * scenario.epoch_s,
        series=epoch_series(simulator, row),
        present=tuple(present(simulator, row, node) for node in range(simulator.nodes)),
        senders=(*(f"{device}" for device in range(devices)), *(names[node] for node in forwarding)),
        sending_nodes=forwarding.size,
        sent=np.vstack([sent[:devices], sent[devices + forwarding]]),
    )
