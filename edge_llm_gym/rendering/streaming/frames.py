"""One moment of streaming dynamics as an image: network map, nodes, trend and exits."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.exit_panel import draw_exits
from edge_llm_gym.rendering.outcomes import COMPUTED, coloured_counts, counts_of
from edge_llm_gym.rendering.page import LEFT_COLUMN, RIGHT_COLUMN, Panels, Summary, draw_page, stacked
from edge_llm_gym.rendering.palette import OUTCOMES, Colour
from edge_llm_gym.rendering.streaming.network_map import draw_traffic
from edge_llm_gym.rendering.streaming.node_panel import draw_nodes
from edge_llm_gym.rendering.streaming.trend_panel import draw_trend
from edge_llm_gym.rendering.streaming.view import StreamingLast, StreamingTotals, StreamingView
from edge_llm_gym.rendering.terminal import usage_text

UPPER_END: Final = 412
MAP, TREND = stacked(LEFT_COLUMN, UPPER_END)
NODES, EXITS = stacked(RIGHT_COLUMN, UPPER_END)
PANELS: Final[Panels] = {
    "map": (MAP, draw_traffic),
    "nodes": (NODES, draw_nodes),
    "trend": (TREND, draw_trend),
    "exits": (EXITS, draw_exits),
}


def streaming_frame(view: StreamingView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8, as large as the frames of batching dynamics."""
    totals = view.totals
    summary = Summary(
        score=f"mean delay {totals.mean_delay_s:.2f} s, accuracy {totals.accuracy:.1%}",
        arrived=totals.arrived,
        counts=_counts(totals),
        last=_last(view.last),
    )
    return draw_page(view, summary, PANELS)


def _counts(totals: StreamingTotals) -> tuple[tuple[str, Colour], ...]:
    in_flight = (f"{totals.in_flight} of them in flight", OUTCOMES["pending"])
    return (*coloured_counts(counts_of(totals, COMPUTED)), in_flight)


def _last(last: StreamingLast | None) -> str:
    if last is None:
        return ""
    reward = "" if last.reward is None else f"reward {last.reward:+.2f}, "
    return f"last epoch: {reward}{usage_text(last.utilisation, last.node_energy_j)}"
