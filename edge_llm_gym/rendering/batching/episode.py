"""The data of the figure of an episode of batching dynamics."""

from dataclasses import dataclass

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batching.history import Batch, batches, outcome_counts, pending_levels, served_table
from edge_llm_gym.rendering.batching.starts import decision_times_s
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True, eq=False)
class Episode:
    """What the figure shows of a row: E epochs done, K nodes, D devices."""

    node_names: tuple[str, ...]
    epoch_s: float
    decision_s: Array  # [E + 1]
    batches: tuple[tuple[Batch, ...], ...]  # per node
    pending: Array  # [E + 1] int64
    outcomes: dict[str, Array]  # each [E + 1] int64: by admitting epoch, expired by decision time
    served: Array  # [D, K] int64, requests of a device served by a node


def episode_of(simulator: Simulator, row: int) -> Episode:
    """The episode of a row so far; it need not have ended."""
    scenario = simulator.scenario
    return Episode(
        node_names=tuple(node.name for node in scenario.nodes),
        epoch_s=scenario.epoch_s,
        decision_s=decision_times_s(simulator, row),
        batches=batches(simulator, row),
        pending=pending_levels(simulator, row),
        outcomes=outcome_counts(simulator, row),
        served=served_table(simulator, row),
    )
