"""One moment of batching dynamics as plain numbers and strings: all that a picture of it needs."""

from dataclasses import dataclass

from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.moment import Moment, Point
from edge_llm_gym.rendering.outcomes import REFUSALS, counts_of
from edge_llm_gym.rendering.palette import OUTCOMES


@dataclass(frozen=True)
class NodeView:
    """A node. Its memory is split into weights, KV caches and free bytes at the end of this epoch's uplink slot."""

    name: str
    hardware: str
    position_m: Point
    quality: float
    usable_bytes: float
    weight_bytes: float
    kv_bytes: float
    """Of unfinished batches, queued ones included."""
    free_bytes: float
    freed_bytes: float
    """The part of `free_bytes` that batches held in the last epoch."""
    free_at_s: float
    """When the last batch ends; in the past for an idle node."""
    batches: tuple[Batch, ...]
    """Those that ended in the last epoch, then the unfinished ones."""

    def load(self, now_s: float) -> str:
        """What the node computes or will compute, in a few characters: the sizes of its unfinished batches."""
        return "+".join(f"{batch.requests}" for batch in self.batches if batch.end_s > now_s) or "idle"


@dataclass(frozen=True)
class DeviceView:
    """A user device and how many of its requests are pending, in a slot or not."""

    position_m: Point
    pending: int


@dataclass(frozen=True)
class SlotView:
    """A pending request and its slot, counted from 1."""

    slot: int
    request: int
    device: int
    prompt_tokens: int
    output_tokens: int
    waited_s: float
    left_s: float
    accuracy: float
    value: float


@dataclass(frozen=True)
class SlotOutcome:
    """What the last epoch did with a request; node counted from 0 and latency only where it was computed."""

    slot: int
    request: int
    device: int
    outcome: str
    node: int | None
    latency_s: float | None


@dataclass(frozen=True)
class LastEpoch:
    """What the last epoch did."""

    reward: float
    arrived: int
    expired: int
    utilisation: float
    node_energy_j: float
    slots: tuple[SlotOutcome, ...]

    def count(self, outcome: str) -> int:
        """Slots with an outcome."""
        return sum(slot.outcome == outcome for slot in self.slots)

    def refusals(self) -> str:
        """Refused requests by reason, as in "1 uplink, 0 downlink, 2 memory"."""
        return ", ".join(f"{self.count(f'refused_{reason}')} {reason}" for reason in REFUSALS)


@dataclass(frozen=True)
class Totals:
    """Sums since the reset; arrived = served + late + below_quality + expired + pending."""

    arrived: int
    served: int
    late: int
    below_quality: int
    expired: int
    pending: int
    arrived_value: float
    served_value: float

    def counts(self) -> dict[str, int]:
        """Requests by outcome."""
        return counts_of(self, OUTCOMES)


@dataclass(frozen=True)
class BatchingView(Moment):
    """One row at one decision time."""

    nodes: tuple[NodeView, ...]
    devices: tuple[DeviceView, ...]
    queue: tuple[SlotView, ...]
    hidden: int
    """Pending requests that have no slot."""
    totals: Totals
    last: LastEpoch | None
    """None before the first epoch of an episode."""
