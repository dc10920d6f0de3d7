"""One moment of batching-and-routing dynamics as an image: network map, memory, queue, exits, batches of the nodes."""

from functools import partial
from typing import Final

import numpy as np

from edge_llm_gym.rendering.batching.batch_panel import draw_batches
from edge_llm_gym.rendering.batching.frames import batching_summary
from edge_llm_gym.rendering.batching.memory_panel import draw_memory
from edge_llm_gym.rendering.batching.queue_panel import draw_queue
from edge_llm_gym.rendering.batching_routing.network_map import draw_stages
from edge_llm_gym.rendering.batching_routing.view import RoutingView
from edge_llm_gym.rendering.exit_panel import draw_exits
from edge_llm_gym.rendering.network_text import threshold_text
from edge_llm_gym.rendering.page import LEFT_COLUMN, RIGHT_COLUMN, Panels, draw_page, stacked
from edge_llm_gym.rendering.panels import Column, Columns

COLUMNS: Final[Columns] = (
    Column("stage", 116, lambda node: f"{node.stage}"),
    Column("threshold", 176, lambda node: threshold_text(node.threshold)),
    Column("received", 234, lambda node: f"{node.received}"),
    Column("forwarded", 298, lambda node: "" if node.forwarded is None else f"{node.forwarded}"),
)
NOTE: Final = "requests of the last epoch; batches in seconds from now"
QUEUE_ROWS: Final = 12
QUEUE_END: Final = 318
UPPER_END: Final = 468
MAP, MEMORY = stacked(LEFT_COLUMN, UPPER_END)
QUEUE, EXITS, BATCHES = stacked(RIGHT_COLUMN, QUEUE_END, UPPER_END)
PANELS: Final[Panels] = {
    "map": (MAP, draw_stages),
    "queue": (QUEUE, partial(draw_queue, min_rows=QUEUE_ROWS)),
    "exits": (EXITS, draw_exits),
    "memory": (MEMORY, draw_memory),
    "batches": (BATCHES, partial(draw_batches, columns=COLUMNS, note=NOTE)),
}


def routing_frame(view: RoutingView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8, as large as the frames of batching dynamics."""
    return draw_page(view, batching_summary(view), PANELS)
