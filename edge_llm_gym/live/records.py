"""Plain records that a server exchanges with a `LiveScheduler`: SI units, names instead of indices."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass


class LiveError(ValueError):
    """A request or node state that the scenario does not allow; the message names it, the rule and the value."""


@dataclass(frozen=True)
class Request:
    """A request that waits for a decision."""

    id: Hashable
    """What the server calls the request; different for every request of a decision."""
    prompt_tokens: int
    """From 1 to the scenario's `lengths.max_prompt_tokens`."""
    output_tokens: int
    """Known or predicted; from 1 to `lengths.max_output_tokens`."""
    time_left_s: float
    """Time in s until the answer must have arrived; a request with none left waits until the server drops it."""
    spectral_efficiency: Mapping[str, tuple[float, float]]
    """Name of an entry node -> bit/s/Hz of the request's user on the node's uplink and downlink. A node that is missing
    cannot be reached."""
    waited_s: float = 0.0
    """Time in s since the request arrived."""
    uplink_bits: float | None = None
    """Size of the prompt on the radio link in bits; by default its tokens times `requests.bits_per_token`."""
    downlink_bits: float | None = None
    """Size of the answer, likewise."""
    quality_demand: float = 0.0
    """Least quality in [0, 1] of the model that may answer."""
    value: float = 1.0
    """What the answer is worth, from 0 to the upper end of `requests.value`."""


@dataclass(frozen=True)
class NodeState:
    """What a node has accepted already. The default is an idle node."""

    busy_s: float = 0.0
    """Time in s from now until the node has finished all that it has accepted."""
    free_kv_bytes: float | None = None
    """Memory in bytes that no accepted request has reserved at the end of the uplink slot; by default all of it."""
    sequences: int = 0
    """Continuous batching: requests on the node that have not got their last token."""
    remaining_work_s: float = 0.0
    """Continuous batching: time in s that these requests still take beside the iterations that they share."""
    slack_s: float | None = None
    """Continuous batching: work in s that the node could take in addition without making one of these requests late.
    None: any amount."""


@dataclass(frozen=True)
class Assignment:
    """An admitted request: its node and its shares of the node's bands."""

    request: Hashable
    node: str
    uplink_share: float
    """In [0, 1]; the shares of all requests that are admitted to a node in one decision sum to 1."""
    downlink_share: float
    uplink_hz: float
    """The share in Hz."""
    downlink_hz: float


@dataclass(frozen=True)
class Schedule:
    """A decision."""

    assignments: tuple[Assignment, ...]
    """The admitted requests, in the order in which they were given."""
    waiting: tuple[Hashable, ...]
    """Ids of the other requests, likewise."""
    offload: Mapping[str, Mapping[str, float]]
    """Models with exits: node -> node of the next stage -> share of the unfinished requests that it gets."""
    threshold: Mapping[str, float]
    """Models with exits: node -> confidence at which it answers."""

    def on(self, node: str) -> tuple[Assignment, ...]:
        """The requests that are admitted to a node."""
        return tuple(one for one in self.assignments if one.node == node)
