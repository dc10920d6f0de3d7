"""One moment of batching-and-routing dynamics as an image: map and memory, and beside them queue, exits and batches of the nodes."""

from functools import partial
from typing import Final

import numpy as np

from edge_llm_gym.rendering.batching_routing.network_map import draw_stages
from edge_llm_gym.rendering.batching_routing.view import StagedView
from edge_llm_gym.rendering.canvas import Box
from edge_llm_gym.rendering.frames import epoch_head
from edge_llm_gym.rendering.node_panels import Columns, draw_batches, draw_memory
from edge_llm_gym.rendering.page import Panels, draw_page
from edge_llm_gym.rendering.queue_panel import draw_queue
from edge_llm_gym.rendering.streaming.exit_panel import draw_exits

COLUMNS: Final[Columns] = (
    ("stage", 116, lambda node: f"{node.stage}"),
    ("threshold", 178, lambda node: "" if node.threshold is None else f"{node.threshold:.2f}"),
    ("took", 212, lambda node: f"{node.took}"),
    ("sent on", 262, lambda node: "" if node.sent_on is None else f"{node.sent_on}"),
)
NOTE: Final = "requests of the last epoch; batches in seconds from now"
PANELS: Final[Panels] = {
    "map": (Box(10, 66, 350, 448), draw_stages),
    "queue": (Box(360, 66, 950, 298), partial(draw_queue, least_rows=12)),
    "exits": (Box(360, 308, 950, 448), draw_exits),
    "memory": (Box(10, 458, 350, 630), draw_memory),
    "batches": (Box(360, 458, 950, 630), partial(draw_batches, columns=COLUMNS, note=NOTE)),
}


def staged_frame(view: StagedView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8, as large as the frames of batching dynamics."""
    return draw_page(epoch_head(view), PANELS, view)
