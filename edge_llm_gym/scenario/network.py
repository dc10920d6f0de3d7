"""The network of a scenario: blocks of the model on each node, and wired links from stage to stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario.sections import LinkSection, NodeSection

BlockRange = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Network:
    """K nodes in S stages. All nodes of a stage host the same range of blocks, and the ranges are consecutive.

    Requests enter by radio at a node of the first stage and are forwarded over links, each to a node of the next stage.
    """

    first_block: Array  # [K] int64, first hosted block, from 0
    last_block: Array  # [K] int64, last hosted block
    stage: Array  # [K] int64, from 0
    rate_bps: Array  # [K, K] float64, rate of the link from row to column, 0 where there is none
    latency_s: Array  # [K, K] float64, latency of the link from row to column

    @cached_property
    def stages(self) -> int:
        """Number S of stages."""
        return int(self.stage.max()) + 1

    @cached_property
    def has_link(self) -> Array:
        """[K, K] bool, whether there is a link from row to column."""
        return self.rate_bps > 0

    @cached_property
    def entry_nodes(self) -> Array:
        """[K1] int64, indices of the nodes of the first stage, in the scenario's order."""
        return np.flatnonzero(self.stage == 0)


def staged_network(nodes: Sequence[NodeSection], blocks: int, links: Sequence[LinkSection]) -> Network:
    """The network of nodes and links for a model of `blocks` blocks.

    Raises ValueError for block ranges that are not consecutive from the first block to the last, for a link that does
    not lead to the next stage or is given twice, and for a node without an incoming or outgoing link that it needs.
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
    expected = 0
    for first, last in ranges:
        if first != expected or last < first:
            raise ValueError(
                f"the block ranges of the nodes must follow one another from block 0 to block {blocks - 1}, one range "
                f"for each stage; expected a range [{expected}, ...], got [{first}, {last}]"
            )
        expected = last + 1
    if expected != blocks:
        raise ValueError(
            f"the nodes must host all {blocks} blocks that exits.blocks lists, got ranges that end with block "
            f"{expected - 1}; change nodes.*.blocks or exits.blocks"
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
    """Raises ValueError for a node that lacks an outgoing link (before the last stage) or an incoming one."""
    for node in np.flatnonzero((stage < stage.max()) & ~has_link.any(axis=1)).tolist():
        raise ValueError(
            f"node {names[node]!r} in stage {stage[node] + 1} needs a link to a node that hosts the next block"
        )
    for node in np.flatnonzero((stage > 0) & ~has_link.any(axis=0)).tolist():
        raise ValueError(f"no link leads to node {names[node]!r} in stage {stage[node] + 1}; link it, or leave it out")
