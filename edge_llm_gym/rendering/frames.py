"""One moment of batching dynamics as an image: title and totals above map and queue, node batches and node memory."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.canvas import Box
from edge_llm_gym.rendering.network_map import draw_map
from edge_llm_gym.rendering.node_panels import draw_batches, draw_memory
from edge_llm_gym.rendering.page import HEIGHT, WIDTH, Head, Panels, draw_page
from edge_llm_gym.rendering.palette import OUTCOMES
from edge_llm_gym.rendering.queue_panel import draw_queue
from edge_llm_gym.rendering.view import EpochView, LastEpoch, Totals

__all__ = ["HEIGHT", "PANELS", "WIDTH", "epoch_frame", "epoch_head"]

PANELS: Final[Panels] = {
    "map": (Box(10, 66, 350, 384), draw_map),
    "queue": (Box(360, 66, 950, 384), draw_queue),
    "memory": (Box(10, 394, 350, 630), draw_memory),
    "batches": (Box(360, 394, 950, 630), draw_batches),
}


def epoch_frame(view: EpochView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8."""
    return draw_page(epoch_head(view), PANELS, view)


def epoch_head(view: EpochView) -> Head:
    """Title and totals."""
    totals = view.totals
    return Head(
        title=view.scenario,
        moment=f"epoch {view.epoch} of {view.horizon}   t = {view.time_s:.1f} s",
        score=_score(totals),
        total=f"{totals.arrived} arrived:",
        counts=tuple((f"{getattr(totals, name)} {name}", colour) for name, colour in OUTCOMES.items()),
        last=_last(view.last),
    )


def _score(totals: Totals) -> str:
    share = totals.served_value / totals.arrived_value if totals.arrived_value > 0 else 0.0
    return f"served value {totals.served_value:.1f} of {totals.arrived_value:.1f} ({share:.0%})"


def _last(last: LastEpoch | None) -> str:
    return "" if last is None else f"last epoch: reward {last.reward:+.2f}, nodes {last.utilisation:.0%} busy"
