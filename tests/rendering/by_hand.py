"""Parts of views written by hand."""

from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.batching.view import NodeView, SlotView


def node_view(
    index: int, kv_fraction: float = 0.25, batches: tuple[Batch, ...] = (), freed_fraction: float = 0.0
) -> NodeView:
    """A node of 8 GB, half of it weights, at a position that depends on its index."""
    return NodeView(
        name=f"node-{index}",
        hardware="nvidia-l4",
        position_m=(100.0 + 270.0 * (index % 4), 150.0 + 300.0 * (index // 4)),
        quality=0.98,
        usable_bytes=8e9,
        weight_bytes=4e9,
        kv_bytes=4e9 * kv_fraction,
        free_bytes=4e9 * (1 - kv_fraction),
        freed_bytes=4e9 * freed_fraction,
        free_at_s=max((batch.end_s for batch in batches), default=0.0),
        batches=batches,
    )


def slot_view(slot: int, left_s: float) -> SlotView:
    """A request of device `slot - 1`."""
    return SlotView(slot, 100 + slot, slot - 1, 640 + slot, 120, 1.5, left_s, 0.75, 2.0)
