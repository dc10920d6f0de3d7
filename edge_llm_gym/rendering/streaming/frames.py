"""One moment of streaming dynamics as an image: network map, nodes, trend and exits."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.exit_panel import draw_exits
from edge_llm_gym.rendering.outcomes import COMPUTED, coloured_counts, counts_of
from edge_llm_gym.rendering.page import LEFT_COLUMN, RIGHT_COLUMN, Panels, Summary, draw_page, stacked
from edge_llm_gym.rendering.streaming.network_map import draw_traffic
from edge_llm_gym.rendering.streaming.node_panel import draw_nodes
from edge_llm_gym.rendering.streaming.trend_panel import draw_trend
from edge_llm_gym.rendering.streaming.view import StreamingLast, StreamingView
from edge_llm_gym.rendering.terminal import usage_text

UPPER_END: Final = 432
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
    return draw_page(view, streaming_summary(view), PANELS)


def streaming_summary(view: StreamingView) -> Summary:
    """Score, counts of outcomes and figures of the last epoch.

    The outcome of a request is known on its arrival, so requests in flight are among the counted ones.
    """
    totals = view.totals
    return Summary(
        score=f"mean delay {totals.mean_delay_s:.2f} s, accuracy {totals.accuracy:.1%}",
        arrived=totals.arrived,
        counts=coloured_counts(counts_of(totals, COMPUTED)),
        last=_last(view.last),
        aside=f"({totals.in_flight} of them in flight)",
    )


def _last(last: StreamingLast | None) -> str:
    if last is None:
        return ""
    reward = "" if last.reward is None else f"reward {last.reward:+.2f}, "
    return f"last epoch: {reward}{usage_text(last.utilisation, last.node_energy_j)}"
