"""One moment of batching dynamics as an image: network map, queue, memory and batches of the nodes."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.batching.batch_panel import draw_batches
from edge_llm_gym.rendering.batching.memory_panel import draw_memory
from edge_llm_gym.rendering.batching.network_map import draw_map
from edge_llm_gym.rendering.batching.queue_panel import draw_queue
from edge_llm_gym.rendering.batching.view import BatchingView, LastEpoch, Totals
from edge_llm_gym.rendering.outcomes import coloured_counts
from edge_llm_gym.rendering.page import LEFT_COLUMN, RIGHT_COLUMN, Panels, Summary, draw_page, stacked
from edge_llm_gym.rendering.terminal import usage_text

UPPER_END: Final = 404
MAP, MEMORY = stacked(LEFT_COLUMN, UPPER_END)
QUEUE, BATCHES = stacked(RIGHT_COLUMN, UPPER_END)
PANELS: Final[Panels] = {
    "map": (MAP, draw_map),
    "queue": (QUEUE, draw_queue),
    "memory": (MEMORY, draw_memory),
    "batches": (BATCHES, draw_batches),
}


def batching_frame(view: BatchingView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8."""
    return draw_page(view, batching_summary(view), PANELS)


def batching_summary(view: BatchingView) -> Summary:
    """Score, counts of outcomes and figures of the last epoch."""
    return Summary(
        score=_score(view.totals),
        arrived=view.totals.arrived,
        counts=coloured_counts(view.totals.counts()),
        last=_last(view.last),
    )


def _score(totals: Totals) -> str:
    share = totals.served_value / totals.arrived_value if totals.arrived_value > 0 else 0.0
    return f"served value {totals.served_value:.1f} of {totals.arrived_value:.1f} ({share:.0%})"


def _last(last: LastEpoch | None) -> str:
    if last is None:
        return ""
    return f"last epoch: reward {last.reward:+.2f}, {usage_text(last.utilisation, last.node_energy_j)}"
