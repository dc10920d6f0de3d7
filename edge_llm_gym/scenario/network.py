"""The staged network: which blocks of the model each node hosts, and the wired links from stage to stage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario.sections import LinkSection, NodeSection

BlockRange = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Network:
    """K nodes in stages. All nodes of a stage host the same range of blocks; the ranges follow one another.

    Requests enter at any node of the first stage, by radio, and go on over the links, each of which leads from a stage
    to the next one.
    """

    first_block: Array  # [K] int64
    last_block: Array  # [K] int64
    stage: Array  # [K] int64, from 0
    rate_bps: Array  # [K, K] float64, from row to column, 0 where there is no link
    latency_s: Array  # [K, K] float64

    @property
    def stages(self) -> int:
        """Number S of stages."""
        return int(self.stage.max()) + 1

    @property
    def has_link(self) -> Array:
        """[K, K] bool."""
        return self.rate_bps > 0

    @property
    def entry_nodes(self) -> Array:
        """[K1] int64, the nodes of the first stage, in the scenario's order."""
        return np.flatnonzero(self.stage == 0)


def staged_network(nodes: Sequence[NodeSection], blocks: int, links: Sequence[LinkSection]) -> Network:
    """The network of a scenario whose model has `blocks` blocks.

    Raises ValueError for block ranges that do not follow one another from the first block to the last, for a link that
    does not lead to the next stage or is given twice, and for a node without the links that it needs.
    """
    ranges = [node.blocks or (0, blocks - 1) for node in nodes]
    order = sorted(set(ranges))
    _check_ranges(order, blocks)
    stage = np.array([order.index(hosted) for hosted in ranges], np.int64)
    rate_bps, latency_s = _link_arrays(nodes, stage, links)
    _check_reach([node.name for node in nodes], stage, rate_bps > 0)
    first, last = (np.array(column, np.int64) for column in zip(*ranges, strict=True))
    return Network(first, last, stage, rate_bps, latency_s)


def _check_ranges(ranges: Sequence[BlockRange], blocks: int) -> None:
    wanted = 0
    for first, last in ranges:
        if first != wanted or last < first:
            raise ValueError(
                f"the block ranges of the nodes must follow one another from block 0 to block {blocks - 1}, one range "
                f"for each stage; a range [{wanted}, ...] is wanted where [{first}, {last}] is given"
            )
        wanted = last + 1
    if wanted != blocks:
        raise ValueError(
            f"the nodes must host all {blocks} blocks that exits.blocks lists, got ranges that end with block "
            f"{wanted - 1}; change nodes.*.blocks or exits.blocks"
        )


def _link_arrays(nodes: Sequence[NodeSection], stage: Array, links: Sequence[LinkSection]) -> tuple[Array, Array]:
    names = [node.name for node in nodes]
    rate_bps, latency_s = np.zeros((2, len(names), len(names)))
    for link in links:
        source, target = (names.index(known_name("node", name, names)) for name in (link.source, link.target))
        if stage[target] != stage[source] + 1:
            raise ValueError(
                f"a link must lead to a node of the next stage, got one from {link.source!r} in stage "
                f"{stage[source] + 1} to {link.target!r} in stage {stage[target] + 1}"
            )
        if rate_bps[source, target] > 0:
            raise ValueError(f"the link from {link.source!r} to {link.target!r} is given twice; keep one of them")
        rate_bps[source, target], latency_s[source, target] = link.rate_bps, link.latency_s
    return rate_bps, latency_s


def _check_reach(names: Sequence[str], stage: Array, has_link: Array) -> None:
    """Every node before the last stage needs a way on, every node after the first a way to it."""
    for node in np.flatnonzero((stage < stage.max()) & ~has_link.any(axis=1)).tolist():
        raise ValueError(
            f"node {names[node]!r} in stage {stage[node] + 1} needs a link to a node that hosts the next block"
        )
    for node in np.flatnonzero((stage > 0) & ~has_link.any(axis=0)).tolist():
        raise ValueError(f"no link leads to node {names[node]!r} in stage {stage[node] + 1}; link it, or leave it out")
