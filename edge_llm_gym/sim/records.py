"""Records that all dynamics share, and what can be done with any record.

A record is a NamedTuple of arrays, numbers and further records. The leading axis of the arrays of tapes, states and
results is that of the rows (environments). Every field's shape, dtype and unit is stated once, here or in
`pooled.records` and `streaming.records`.

R rows, K nodes, K1 of them in the first stage ("entry nodes"), S stages, D devices, E blocks of the model and as many
exits, L wired links, H epochs of an episode, C requests that a tape can hold, T terms of the reward, Z rows of the exit
profile.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.columns import DOWNLINK


class RequestTape(NamedTuple):
    """What every request of an episode carries, in order of arrival."""

    length: Array  # [R] int64, requests on the tape
    arrival_s: Array  # [R, C] float64
    deadline_s: Array  # [R, C] float64, arrival + latency budget
    device: Array  # [R, C] int32
    prompt_tokens: Array  # [R, C] int32
    output_tokens: Array  # [R, C] int32
    predicted_tokens: Array  # [R, C] int32, predicted output tokens; `output_tokens` itself if lengths are known
    bits: Array  # [R, C, 2] float64, by radio, up and down; down for the predicted output tokens
    answer_bits: Array  # [R, C] float64, down for the true output tokens; a view of `bits` if lengths are known
    quality_demand: Array  # [R, C] float64, lowest acceptable quality in [0, 1]
    value: Array  # [R, C] float64
    clipped: Array  # [R, 2] int64, prompts and outputs whose lengths were clipped to the scenario's limits


class ChannelTape(NamedTuple):
    """Radio channels of an episode."""

    spectral_efficiency: Array  # [R, H + 1, D, K1, 2] float32, bit/s/Hz, up and down, at each decision time
    device_m: Array  # [R, D, 2] float64, positions


class ExitTape(NamedTuple):
    """What requests carry through a model with early exits and a network of several stages."""

    confidence: Array  # [R, C, E] float32, in [0, 1]
    correct: Array  # [R, C, E] bool, whether the answer at the exit would be right
    route: Array  # [R, C, S] float64, uniform in [0, 1): selects the node of each stage
    forward_bits: Array  # [R, C] float64, by wire, from one node to the next: what the prefill forwards
    round_trips: Array  # [R, C] float64, tokens that pass the stages one after the other while decoding: n - 1


class NetworkConstants(NamedTuple):
    """The staged network as kernels take it."""

    entry_nodes: int  # K1
    stages: int
    blocks: int
    stage: Array  # [K] int64, from 0
    first_block: Array  # [K] int64, range of blocks that the node hosts
    last_block: Array  # [K] int64
    first_hosted: Array  # [K] int64, index of the node's first block among the hosted blocks
    link_first: (
        Array  # [K + 2] int64, sender s has the links link_first[s] to link_first[s + 1] - 1; 0 is any device ...
    )
    link_target: Array  # [K1 + L] int64, ... and 1 + k is node k; link_target holds receivers
    rate_bps: Array  # [K, K] float64, from row to column and back
    latency_s: Array  # [K, K] float64
    round_trip_bits: float  # of a token: a hidden vector and the token to the next stage, a token back


class ExitTable(NamedTuple):
    """Accuracy of the exits by threshold, relative to the last exit on the same rows of the profile."""

    sorted_confidence: Array  # [E, Z] float32, ascending
    first_of_bucket: Array  # [E, B + 1] int64, index of the first row in each of B equal intervals of [0, 1], and Z
    relative_accuracy: Array  # [E, Z + 1] float64 <= 1, over the rows from an index of that order on
    full_accuracy: float  # of the last exit on all rows


class PowerConstants(NamedTuple):
    """Power of nodes and of device transmitters."""

    idle_w: float  # of all nodes together
    dynamic_w: Array  # [K] float64, power of a node that computes, less its idle power
    transmit_w: float  # of one device


class RewardTerms(NamedTuple):
    """The reward: a weighted sum of metrics."""

    column: Array  # [T] int64
    weight: Array  # [T] float64


REQUEST_WIDTH = 8
"""Numbers that `allocate_requests` stores for a request."""


def interleaved(rows: int, capacity: int, *widths: int) -> list[Array]:
    """Zeros [R, C, width] float64, one array for each width: views of one array, side by side for each request.

    Kernels visit requests in arbitrary order and read several fields of each, so fields of one request share cache
    lines.
    """
    ends = np.cumsum(widths).tolist()
    block = np.zeros((rows, capacity, ends[-1]))
    return [block[..., end - width : end] for end, width in zip(ends, widths, strict=True)]


def allocate_requests(block: Array, answer_bits: Array | None = None) -> RequestTape:
    """An empty RequestTape; per-request fields are views of `block` [R, C, REQUEST_WIDTH] float64.

    `answer_bits` [R, C] is given if output lengths are predicted. Without it they are known, and predictions are views
    of the true numbers.
    """
    counts = block[..., 6:].view(np.int32)
    return RequestTape(
        length=np.zeros(block.shape[0], np.int64),
        arrival_s=block[..., 0],
        deadline_s=block[..., 1],
        device=counts[..., 0],
        prompt_tokens=counts[..., 1],
        output_tokens=counts[..., 2],
        predicted_tokens=counts[..., 2 if answer_bits is None else 3],
        bits=block[..., 2:4],
        answer_bits=block[..., 2 + DOWNLINK] if answer_bits is None else answer_bits,
        quality_demand=block[..., 4],
        value=block[..., 5],
        clipped=np.zeros((block.shape[0], 2), np.int64),
    )


def allocate_channels(rows: int, horizon: int, devices: int, entry_nodes: int) -> ChannelTape:
    """An empty ChannelTape."""
    return ChannelTape(
        spectral_efficiency=np.zeros((rows, horizon + 1, devices, entry_nodes, 2), np.float32),
        device_m=np.zeros((rows, devices, 2)),
    )


def allocate_exits(route: Array, wired: Array, blocks: int) -> ExitTape:
    """An empty ExitTape; route [R, C, S] and the memory `wired` [R, C, 2] of what requests do on wires are given.

    Confidences lie apart from the other fields, since observations read those of the last epochs and nothing else.
    """
    shape = (*route.shape[:2], blocks)
    return ExitTape(np.zeros(shape, np.float32), np.zeros(shape, np.bool_), route, wired[..., 0], wired[..., 1])


def leaves(record: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The arrays and numbers of a record and its nested records, each with its dotted name; unused parts (None) are
    left out."""
    for name, value in record._asdict().items():
        if value is None:
            continue
        if hasattr(value, "_asdict"):
            yield from leaves(value, (*path, name))
        else:
            yield ".".join((*path, name)), value
