"""What an expert reads off an observation of batching-and-routing dynamics: the mix, a routing problem, an assignment problem.

Two problems for one epoch. How requests go on after the entry nodes, and where they leave, is a routing problem whose
devices are the entry nodes themselves, each with the rate at which it has been admitting. Who joins which entry node is
an assignment problem on expected costs: what a request takes there, what it is worth, and by when it must be done,
under the thresholds and the offload shares of the plan, averaged over the rows of the present mix.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays, BatchingReader, Epoch
from edge_llm_gym.decoding.difficulty_mix import EVEN, MixReader
from edge_llm_gym.decoding.exit_forecast import ExitForecast, ExitReader, exit_forecast_of
from edge_llm_gym.models.exits import ExitProfile, exit_profile
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES
from edge_llm_gym.sim.request_costs import RequestCosts, forward_bits
from edge_llm_gym.sim.streaming.constants import sample_arrivals

MEMORY = 0.8
"""Share of an epoch's weight in what an expert remembers that is left an epoch later."""
LEAST_RATE_PER_S = 1e-3
ACCURACY_WORTH_S = 20.0
"""Seconds of mean delay that the routing problem takes a unit of accuracy to be worth; the reward does not say."""
DEMAND_LEVELS = 5
"""Demands for which thresholds are tried."""
_BUSY = NODE_FEATURES.index("time_until_free")


class Estimate(NamedTuple):
    """What an expert believes, from the confidences it saw and the batches it made. Means are discounted."""

    joined: Array  # [K1] requests that join an entry node in an epoch
    sent: Array  # [K] of those, how many reach each deeper node
    difficulty_shift: int  # index into mix.SWINGS


@dataclass(frozen=True, eq=False)
class CompositeConstants:
    """What is known of a staged scenario before it begins: mean service times, for batches of so many requests."""

    network: Network
    profile: ExitProfile
    mean_work_s: Array  # [K, E] mean w from a node's first block through this one, 0 elsewhere
    mean_work_sq_s2: Array  # [K, E]
    mean_shared_s: Array  # [K, E] v
    mean_forward_bits: float
    rate_per_s: float
    batch_size: float
    """Requests among which a batch's shared time is divided."""

    def service(self, leaving: Array) -> tuple[Array, Array]:
        """Mean [K] and second moment [K] of what a request adds to a node's work, by the share that leaves where."""
        shared_s = self.mean_shared_s / self.batch_size
        square_s2 = self.mean_work_sq_s2 + 2.0 * self.mean_work_s * shared_s + shared_s**2
        return (leaving * (self.mean_work_s + shared_s)).sum(axis=1), (leaving * square_s2).sum(axis=1)


def composite_constants(scenario: Scenario, batch_size: float = 4.0) -> CompositeConstants:
    """The constants of a scenario; lengths are averaged over a sample of fixed seed."""
    assert scenario.exits is not None
    sample, rate_per_s = sample_arrivals(scenario)
    network, costs = scenario.network, RequestCosts(scenario)
    work_s, shared_s, _ = costs.costs(sample.prompt_tokens, sample.output_tokens)
    work, square, shared = np.zeros((3, len(scenario.nodes), len(scenario.block_layers)))
    for node, (first, last) in enumerate(zip(costs.first_hosted, costs.last_hosted, strict=True)):
        blocks = slice(network.first_block[node], network.last_block[node] + 1)
        hosted = slice(first, last + 1)
        work[node, blocks] = work_s[:, hosted].mean(axis=0)
        square[node, blocks] = (work_s[:, hosted] ** 2).mean(axis=0)
        shared[node, blocks] = shared_s[:, hosted].mean(axis=0)
    bits = float(forward_bits(scenario, sample.prompt_tokens, sample.output_tokens).mean())
    profile = exit_profile(scenario.exits.profile)
    return CompositeConstants(network, profile, work, square, shared, bits, rate_per_s, batch_size)


class CompositeReader(BatchingReader):
    """Turns observations of one scenario into estimates, routing problems and epochs. Two stages.

    Raises ValueError for a scenario of another number of stages: forwarding twice in an epoch is not planned for.
    """

    def __init__(
        self, scenario: Scenario, overrun_s: float = np.inf, accuracy_worth_s: float = ACCURACY_WORTH_S
    ) -> None:
        if scenario.dynamics != "batching_routing" or scenario.network.stages != 2:
            raise ValueError(
                f"experts of batching-and-routing dynamics plan for two stages, got scenario {scenario.name!r} of admission "
                f"{scenario.dynamics!r} with {scenario.network.stages}"
            )
        super().__init__(scenario, overrun_s)
        self.constants = composite_constants(scenario)
        self.mix = MixReader(self.constants, accuracy_worth_s)
        network = scenario.network
        self.exit_reader = ExitReader(self.mix, self._costs, network)
        self._deep = np.flatnonzero(network.stage == 1)
        self._link_delay_s = self._links()
        self._wire_s = np.where(np.isfinite(self._link_delay_s), self._link_delay_s, 0.0)[self._stations.size :]
        self._whole_work_s = self.constants.mean_work_s[np.arange(network.stage.size), network.last_block]
        place, entry = np.arange(int(self._costs.last_hosted.max()) + 1), self._stations[:, None]
        self._is_here = (place >= self._costs.first_hosted[entry]) & (place <= self._costs.last_hosted[entry])

    # The mix and the loads

    def first(self) -> Estimate:
        """Before anything has been seen: half of the scenario's mean rate is admitted, and half of that goes on."""
        mean = 0.5 * self.constants.rate_per_s * self.scenario.epoch_s
        sent = np.zeros(len(self.scenario.nodes))
        sent[self._deep] = 0.5 * mean / self._deep.size
        return Estimate(np.full(self._stations.size, mean / self._stations.size), sent, EVEN)

    def notice(self, before: Estimate, observation: Mapping[str, Array]) -> Estimate:
        """The estimate after an observation of one row."""
        return before._replace(
            difficulty_shift=self.mix.nearest(np.asarray(observation["exit_confidence"])[0], before.difficulty_shift)
        )

    def remember(self, before: Estimate, node: Array, forecast: ExitForecast) -> Estimate:
        """The estimate after an assignment node [n] has been made."""
        joined = np.bincount(node, minlength=self._stations.size + 1)[1:]
        return before._replace(
            joined=MEMORY * before.joined + (1.0 - MEMORY) * joined,
            sent=MEMORY * before.sent + (1.0 - MEMORY) * joined @ forecast.reach,
        )

    # Routing

    def problem(self, estimate: Estimate, observation: Mapping[str, Array], inner: float) -> RoutingProblem:
        """The routing problem of an estimate: entry node k is fed by device k alone, without delay."""
        service_s, service_sq_s2 = self.mix.service(estimate.difficulty_shift, inner)
        return RoutingProblem(
            arrival_rate=np.maximum(estimate.joined / self.scenario.epoch_s, LEAST_RATE_PER_S),
            link_delay_s=self._link_delay_s,
            service_s=service_s,
            service_sq_s2=service_sq_s2,
            early_exit=self.mix.early_exit(estimate.difficulty_shift, inner),
        )

    def _links(self) -> Array:
        """[K1 + K, K] s."""
        network, entries = self.constants.network, self._stations.size
        nodes = network.stage.size
        delay_s = np.full((entries + nodes, nodes), np.inf)
        delay_s[np.arange(entries), self._stations] = 1e-6
        rate_bps = np.where(network.has_link, network.rate_bps, np.nan)
        wire_s = network.latency_s + self.constants.mean_forward_bits / rate_bps
        delay_s[entries:] = np.where(network.has_link, wire_s, np.inf)
        return delay_s

    def threshold_levels(self, count: int = DEMAND_LEVELS) -> Array:
        """[L, K] thresholds just high enough for some demand, of `count` from the lowest there is to the highest.

        At each node it is the least that makes answers of its first exit as good as the demand, as far as its
        quantisation allows; equal ones stand once.
        """
        low, high = self.scenario.requests.accuracy
        return np.unique([self._threshold_for(demand) for demand in np.linspace(low, high, count)], axis=0)

    def _threshold_for(self, demand: float) -> Array:
        grid = np.linspace(0.0, 1.0, 201).astype(np.float32)
        threshold = np.empty(self.exit_reader.node_quality.size)
        for node, factor in enumerate(self.exit_reader.node_quality):
            block = int(self.constants.network.first_block[node])
            offered = [self.exit_reader.offered(node, block, factor, one) for one in grid]
            threshold[node] = grid[np.argmax(np.array(offered) >= min(demand, factor) * (1.0 - MARGIN) + MARGIN)]
        return threshold

    # Batches

    def forecast(self, difficulty_shift: int, offload: Array, threshold: Array) -> ExitForecast:
        """What a plan makes of requests: offload [K, K] shares, threshold [K]."""
        return exit_forecast_of(self.exit_reader.exits(difficulty_shift, threshold), offload[self._stations])

    def read_under(self, observation: Mapping[str, Array], estimate: Estimate, forecast: ExitForecast) -> Epoch:
        """The epoch behind the observation of one row, on the costs to expect under a plan, as in `expect`."""
        single = {key: np.asarray(value)[None] for key, value in observation.items()}
        stacked = ExitForecast(*(array[None] for array in forecast))
        rows, value = self.expect(self.read_rows(single), single, estimate.sent[None], stacked)
        epoch, shown = self.epoch_of(rows, 0), rows.shown[0]
        nodes = [node.replace(value=value[0, shown, index]) for index, node in enumerate(epoch.problem.nodes)]
        return replace(epoch, problem=AssignmentProblem(tuple(nodes)))

    def expect(
        self, rows: BatchingArrays, observation: Mapping[str, Array], sent: Array, forecast: ExitForecast
    ) -> tuple[BatchingArrays, Array]:
        """R rows on the costs to expect, and what requests are worth, [R, N, K1].

        Work is the mean over the exits, shared time that of all blocks of the node. A request is worth what its value
        is, times the chance that its answer will be good enough. If time allows, its budget on an entry node leaves
        room for the rest of the way; else the budget is that of an answer there, and only such answers count.
        `sent` [R, K] requests reach a deeper node in a mean epoch.
        """
        tokens = rows.prompt_tokens.ravel(), rows.output_tokens.ravel()
        work_s, shared_s, _ = self._costs.costs(*tokens).reshape(3, *rows.shown.shape, -1)
        time_s = self._mean_work_s(work_s, forecast)
        after_s = self._after_s(observation, sent, forecast, work_s + shared_s)
        here, beyond = self._worth(rows, forecast)
        in_time = time_s + rows.shared_time_s <= rows.budget_s - after_s
        budget_s = np.where(in_time, rows.budget_s - after_s, rows.budget_s)
        worth = rows.value[..., None] * np.where(in_time, here + beyond, here)
        return rows._replace(time_s=time_s, budget_s=budget_s), worth

    def _worth(self, rows: BatchingArrays, forecast: ExitForecast) -> tuple[Array, Array]:
        """[R, N, K1] chances that a request leaves on its entry node, or after it, with an answer good enough."""
        good = forecast.quality[:, None] >= rows.accuracy[..., None, None] + MARGIN
        chance = good * forecast.leave[:, None]
        here = (chance * self._is_here).sum(axis=3)
        return here, chance.sum(axis=3) - here

    def _mean_work_s(self, work_s: Array, forecast: ExitForecast) -> Array:
        """[R, N, K1] mean work on the entry nodes; those that go on compute all blocks."""
        leaving_s = np.einsum("rnp,rep->rne", work_s, forecast.leave * self._is_here)
        return leaving_s + work_s[..., self._costs.last_hosted[self._stations]] * forecast.pass_on[:, None]

    def _after_s(
        self, observation: Mapping[str, Array], sent: Array, forecast: ExitForecast, through_s: Array
    ) -> Array:
        """[R, N, K1] s, how long a request that goes on takes after its entry node: wire, queue, and its batch there.

        It shares the batch with those that are sent on in a mean epoch.
        """
        busy_s = np.asarray(observation["nodes"], np.float64)[..., _BUSY] * self.scenario.epoch_s
        queue_s = np.maximum(busy_s - self.scenario.epoch_s / 2, 0.0) + 0.5 * sent * self._whole_work_s
        share = forecast.reach / np.maximum(forecast.pass_on, 1e-12)[..., None]
        on_node_s = queue_s[:, None] + through_s[..., self._costs.last_hosted]
        wire_s = (share * self._wire_s[self._stations]).sum(axis=2)
        return np.einsum("rnk,rek->rne", on_node_s, share) + wire_s[:, None]
