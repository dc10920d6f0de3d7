"""The staged network of a scenario in the form that kernels take."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.records import NetworkConstants


def network_constants(network: Network, blocks: int, round_trip_bits: float) -> NetworkConstants:
    """The constants of a network whose model has `blocks` blocks; `round_trip_bits` are those of a token."""
    link_first, link_target = _links_by_sender(network)
    hosted = network.last_block - network.first_block + 1
    return NetworkConstants(
        entry_nodes=network.entry_nodes.size,
        stages=network.stages,
        blocks=blocks,
        stage=network.stage,
        first_block=network.first_block,
        last_block=network.last_block,
        first_hosted=np.concatenate([[0], np.cumsum(hosted)[:-1]]),
        link_first=link_first,
        link_target=link_target,
        rate_bps=network.rate_bps,
        latency_s=network.latency_s,
        round_trip_bits=round_trip_bits,
    )


def _links_by_sender(network: Network) -> tuple[Array, Array]:
    """link_first [K + 2] and link_target: the radio links of any device first, then the wired links node by node."""
    targets = [network.entry_nodes, *(np.flatnonzero(row) for row in network.has_link)]
    return np.concatenate([[0], np.cumsum([row.size for row in targets])]), np.concatenate(targets)
