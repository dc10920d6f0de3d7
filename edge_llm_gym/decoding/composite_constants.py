"""Constants of a batching-and-routing scenario that its experts know before an episode: mean work and traffic."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile, exit_profile
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.request_costs import RequestCosts
from edge_llm_gym.sim.streaming.constants import sample_arrivals
from edge_llm_gym.sim.wire_times import mean_wire_times_s

TYPICAL_BATCH_SIZE: Final = 4.0
"""Number of requests among which the shared time of a batch is divided in mean service times."""


@dataclass(frozen=True, eq=False)
class CompositeConstants:
    """Means over the requests of a scenario with K nodes and E blocks. Entries of blocks not hosted are 0."""

    network: Network
    profile: ExitProfile
    mean_work_s: Array  # [K, E] mean w from a node's first block through this one
    mean_work_sq_s2: Array  # [K, E] second moment of w
    mean_shared_s: Array  # [K, E] mean v
    mean_wire_s: Array  # [K, K] mean time of a forwarded request on each link, inf where there is none
    rate_per_s: float
    batch_size: float

    def service(self, leaving: Array) -> tuple[Array, Array]:
        """Mean [K] and second moment [K] of a request's service time on each node.

        Args:
            leaving: [K, E] share of a node's requests for which this block is the last one that the node computes.
        """
        shared_s = self.mean_shared_s / self.batch_size
        square_s2 = self.mean_work_sq_s2 + 2.0 * self.mean_work_s * shared_s + shared_s**2
        return (leaving * (self.mean_work_s + shared_s)).sum(axis=1), (leaving * square_s2).sum(axis=1)


def composite_constants(scenario: Scenario, batch_size: float = TYPICAL_BATCH_SIZE) -> CompositeConstants:
    """The constants of a scenario; token counts are averaged over a sample of fixed seed."""
    assert scenario.exits is not None
    sample, rate_per_s = sample_arrivals(scenario)
    network, costs = scenario.network, RequestCosts(scenario)
    work_s, shared_s, _ = costs.costs(sample.prompt_tokens, sample.output_tokens)
    mean_work_s, work_sq_s2, mean_shared_s = np.zeros((3, len(scenario.nodes), len(scenario.block_layers)))
    for node, (first, last) in enumerate(zip(costs.first_hosted, costs.last_hosted, strict=True)):
        blocks = slice(network.first_block[node], network.last_block[node] + 1)
        hosted = slice(first, last + 1)
        mean_work_s[node, blocks] = work_s[:, hosted].mean(axis=0)
        work_sq_s2[node, blocks] = (work_s[:, hosted] ** 2).mean(axis=0)
        mean_shared_s[node, blocks] = shared_s[:, hosted].mean(axis=0)
    return CompositeConstants(
        network=network,
        profile=exit_profile(scenario.exits.profile),
        mean_work_s=mean_work_s,
        mean_work_sq_s2=work_sq_s2,
        mean_shared_s=mean_shared_s,
        mean_wire_s=mean_wire_times_s(scenario, sample.prompt_tokens, sample.output_tokens),
        rate_per_s=rate_per_s,
        batch_size=batch_size,
    )
