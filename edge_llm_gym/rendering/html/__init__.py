"""An episode as one self-contained HTML page, with a slider over its epochs."""

from edge_llm_gym.rendering.html.page import episode_page
from edge_llm_gym.rendering.html.shot import Shot, shot_of

__all__ = ["Shot", "episode_page", "shot_of"]
