"""One moment of streaming dynamics as an image: title and totals above map and nodes, trend and exits."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.canvas import Box
from edge_llm_gym.rendering.page import Head, Panels, draw_page
from edge_llm_gym.rendering.palette import OUTCOMES, Colour
from edge_llm_gym.rendering.streaming.exit_panel import draw_exits
from edge_llm_gym.rendering.streaming.network_map import draw_traffic
from edge_llm_gym.rendering.streaming.node_panel import draw_nodes
from edge_llm_gym.rendering.streaming.trend_panel import draw_trend
from edge_llm_gym.rendering.streaming.view import StreamLast, StreamTotals, StreamView

PANELS: Final[Panels] = {
    "map": (Box(10, 66, 350, 412), draw_traffic),
    "nodes": (Box(360, 66, 950, 412), draw_nodes),
    "trend": (Box(10, 422, 350, 630), draw_trend),
    "exits": (Box(360, 422, 950, 630), draw_exits),
}


def stream_frame(view: StreamView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8, as large as the frames of batching dynamics."""
    totals = view.totals
    head = Head(
        title=view.scenario,
        moment=f"epoch {view.epoch} of {view.horizon}   t = {view.time_s:.1f} s",
        score=f"mean delay {totals.mean_delay_s:.2f} s, accuracy {totals.accuracy:.1%}",
        total=f"{totals.arrived} arrived:",
        counts=_counts(totals),
        last=_last(view.last),
    )
    return draw_page(head, PANELS, view)


def _counts(totals: StreamTotals) -> tuple[tuple[str, Colour], ...]:
    settled = tuple((f"{getattr(totals, name)} {name}", OUTCOMES[name]) for name in ("served", "late", "below_quality"))
    return (*settled, (f"{totals.in_flight} of them in flight", OUTCOMES["pending"]))


def _last(last: StreamLast | None) -> str:
    if last is None:
        return ""
    reward = "" if last.reward is None else f"reward {last.reward:+.2f}, "
    return f"last epoch: {reward}nodes {last.utilisation:.0%} busy"
