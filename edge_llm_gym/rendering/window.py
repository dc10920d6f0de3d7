"""A window that shows the frames of an episode while it runs. Needs pygame, as the windows of Gymnasium do."""

from importlib.util import find_spec
from typing import Any

import numpy as np

NO_WINDOW = (
    "render_mode 'human' opens a window, which needs pygame: pip install 'edge-llm-gym[viewer]'; 'rgb_array' returns "
    "images and 'ansi' text without it"
)


def has_window() -> bool:
    """Whether the library that opens windows is installed."""
    try:
        return find_spec("pygame") is not None
    except (ImportError, ValueError):  # what stands in its place cannot be imported
        return False


def require_window() -> None:
    """Raises ImportError where no window can be opened for the lack of a library."""
    if not has_window():
        raise ImportError(NO_WINDOW)


class Window:
    """A window, which opens with its first frame and has the size of that frame.

    Raises pygame.error, which names the reason, on a machine without a display.
    """

    def __init__(self, title: str, frames_per_s: float) -> None:
        import pygame

        self._pygame: Any = pygame
        self._title, self._frames_per_s = title, frames_per_s
        self._surface: Any = None
        self._clock: Any = None

    def show(self, frame: np.ndarray) -> None:
        """Shows a frame [height, width, 3] uint8, and waits so that frames do not follow one another too fast."""
        if self._surface is None:
            self._open(frame.shape[1], frame.shape[0])
        image = self._pygame.surfarray.make_surface(np.ascontiguousarray(frame.swapaxes(0, 1)))
        self._surface.blit(image, (0, 0))
        self._pygame.event.pump()
        self._pygame.display.flip()
        self._clock.tick(self._frames_per_s)

    def _open(self, width: int, height: int) -> None:
        self._pygame.display.init()
        self._pygame.display.set_caption(self._title)
        self._surface = self._pygame.display.set_mode((width, height))
        self._clock = self._pygame.time.Clock()

    def close(self) -> None:
        """Closes the window; without one, nothing happens."""
        if self._surface is not None:
            self._pygame.display.quit()
            self._surface = None
