"""Validation of routing problems, with messages in terms of devices, nodes and links."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.problems.arrays import Flags, Floats, Ints, real_numbers

SMALLEST, LARGEST = 1e-18, 1e18
"""Range of rates, times and factors but zero, in SI units: DTO-EE resolves it, and nothing real lies outside."""


def real_array(
    name: str,
    value: ArrayLike,
    axes: tuple[str, ...],
    shape: tuple[int | None, ...],
    *,
    lower: float = 0.0,
    upper: float = LARGEST,
    positive: bool = False,
    infinite: bool = False,
) -> Floats:
    """A read-only float copy of ``value``, checked for its shape (None: any length) and its range.

    Numbers are zero, unless ``positive``, or from ``lower`` to ``upper``; where ``infinite``, also inf.
    """
    array = real_numbers(name, value, order="F")  # one exit's column is contiguous
    _check_shape(name, array, axes, shape)
    right = (array > 0) & (array >= lower) & (array <= upper)
    if not positive:
        right |= array == 0
    if infinite:
        right |= array == np.inf
    if not right.all():
        wrong = ~right
        raise ValueError(
            f"{name} must be {_range(lower, upper, positive, infinite)}, got {array[wrong][0]} {_where(wrong)}".rstrip()
        )
    array.flags.writeable = False
    return array


def _range(lower: float, upper: float, positive: bool, infinite: bool) -> str:
    limits = f"from {lower:g} to {upper:g}" if lower > 0 else f"at most {upper:g}"
    zero = "" if positive else "zero or " if lower > 0 else "zero or more and "
    return zero + limits + (" or infinite" if infinite else "")


def node_array(name: str, value: ArrayLike, nodes: int) -> Floats:
    """`real_array` [K] of ``value``; one number stands for all nodes."""
    array = real_numbers(name, value)
    whole = np.full(nodes, array) if array.ndim == 0 else array
    return real_array(name, whole, ("K",), (nodes,), lower=SMALLEST)


def index_array(name: str, value: ArrayLike, count: int) -> Ints:
    """A read-only integer copy [K] of ``value``, each entry in 0..count-1."""
    array = np.array(value)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be an integer array [K], got dtype {array.dtype} and shape {array.shape}")
    wrong = (array < 0) | (array >= count)
    if wrong.any():
        raise ValueError(f"{name} must lie in 0..{count - 1}, got {array[wrong][0]} {_where(wrong)}")
    array = array.astype(np.int64)
    array.flags.writeable = False
    return array


def _check_shape(name: str, array: Floats, axes: tuple[str, ...], shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=False)
    )
    if not fits or array.size == 0:
        sizes = ", ".join(axis if size is None else f"{axis} = {size}" for axis, size in zip(axes, shape, strict=True))
        raise ValueError(f"{name} must have the shape [{sizes}] and not be empty, got {array.shape}")


def _where(wrong: Flags) -> str:
    return f"at {tuple(int(i) for i in np.argwhere(wrong)[0])}" if wrong.ndim else ""


def check_second_moment(service_s: Floats, service_sq_s2: Floats) -> None:
    """Raise ValueError where a second moment is less than the square of the mean."""
    low = service_sq_s2 < service_s**2 * (1 - 1e-9)
    if low.any():
        node = int(np.argmax(low))
        raise ValueError(
            f"service_sq_s2 must be at least service_s squared (equal where the work is constant), got "
            f"{service_sq_s2[node]} against {service_s[node] ** 2} at node {node}"
        )


def stages(link_delay_s: Floats, devices: int) -> Ints:
    """[K] stage of each node from 1, 0 where no request can arrive; ValueError for a cycle or a skipped stage."""
    link = np.isfinite(link_delay_s)
    inner = link[devices:]
    stage: Ints = np.zeros(link.shape[1], dtype=np.int64)
    stage[link[:devices].any(axis=0)] = 1
    for _ in range(stage.size):  # the longest path to each node has at most K links
        reached = np.where(inner & (stage > 0)[:, None], stage[:, None] + 1, 0).max(axis=0)
        if (reached <= stage).all():
            break
        stage = np.maximum(stage, reached)
    _check_acyclic(inner)
    _check_steps(link, devices, stage)
    stage.flags.writeable = False
    return stage


def _check_acyclic(inner: Flags) -> None:
    remaining = np.ones(inner.shape[0], dtype=bool)
    while remaining.any():
        links = inner & remaining[:, None] & remaining[None, :]
        ends = remaining & ~(links.any(axis=1) & links.any(axis=0))
        if not ends.any():
            nodes = np.flatnonzero(remaining).tolist()
            raise ValueError(f"links must not form a cycle, got one among the nodes {nodes}")
        remaining &= ~ends


def _check_steps(link: Flags, devices: int, stage: Ints) -> None:
    sender_stage: Any = np.concatenate([np.zeros(devices, dtype=np.int64), np.where(stage > 0, stage, -1)])
    skip = link & (sender_stage >= 0)[:, None] & (stage[None, :] != sender_stage[:, None] + 1)
    if skip.any():
        sender, node = (int(i) for i in np.argwhere(skip)[0])
        raise ValueError(
            f"every link must lead from a stage to the next, got a link from {_name(sender, devices)} "
            f"(stage {sender_stage[sender]}) to node {node} (stage {stage[node]}); set it to inf or add a relay node"
        )


def check_links(link_delay_s: Floats, arrival_rate: Floats, pass_ratio: Floats | None, stage: Ints) -> None:
    """Raise ValueError for a device that sends, or a reachable node that forwards requests, without a link."""
    dead_end = ~np.isfinite(link_delay_s).any(axis=1)
    passes = np.zeros(stage.size, dtype=bool) if pass_ratio is None else (pass_ratio > 0) & (stage > 0)
    stuck = dead_end & np.concatenate([arrival_rate > 0, passes])
    if stuck.any():
        sender = int(np.argmax(stuck))
        reason = "sends requests" if sender < arrival_rate.size else "has a pass_ratio above 0"
        raise ValueError(f"{_name(sender, arrival_rate.size)} {reason} but has no link to a next node")


def check_exit_order(inner_link_delay_s: Floats, hosted_exit: Ints) -> None:
    """Raise ValueError for a link that does not lead to a later exit."""
    back = np.isfinite(inner_link_delay_s) & (hosted_exit[None, :] <= hosted_exit[:, None])
    if back.any():
        sender, node = (int(i) for i in np.argwhere(back)[0])
        raise ValueError(
            f"a link must lead to a later exit, got one from node {sender} (exit {hosted_exit[sender]}) "
            f"to node {node} (exit {hosted_exit[node]})"
        )


def _name(sender: int, devices: int) -> str:
    return f"device {sender}" if sender < devices else f"node {sender - devices}"
