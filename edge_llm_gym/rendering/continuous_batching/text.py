"""One moment of continuous batching as coloured text: that of batching dynamics, nodes with their sequences."""

from edge_llm_gym.rendering.batching.text import batching_text
from edge_llm_gym.rendering.continuous_batching.view import ContinuousView


def continuous_text(view: ContinuousView) -> str:
    """Lines of at most WIDTH columns, coloured with ANSI escapes."""
    return batching_text(view)
