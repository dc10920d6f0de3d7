"""One moment of continuous batching as an image: network map, queue, memory and sequences of the nodes."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.batching import frames
from edge_llm_gym.rendering.continuous_batching.sequence_panel import draw_sequences
from edge_llm_gym.rendering.continuous_batching.view import ContinuousView
from edge_llm_gym.rendering.page import Panels, draw_page

PANELS: Final[Panels] = {
    **{name: panel for name, panel in frames.PANELS.items() if name != "batches"},
    "sequences": (frames.BATCHES, draw_sequences),
}


def continuous_frame(view: ContinuousView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8, as large as the frames of batching dynamics."""
    return draw_page(view, frames.batching_summary(view), PANELS)
