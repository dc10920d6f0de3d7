"""Linear scales of panels, with round ticks."""

import math
from dataclasses import dataclass
from typing import Final

from edge_llm_gym.rendering.canvas import Canvas
from edge_llm_gym.rendering.palette import GRID, MUTED
from edge_llm_gym.rendering.panels import AXIS_HEIGHT, LABEL_SIZE

TICK_FACTORS: Final = (1.0, 2.0, 5.0)
ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class LinearScale:
    """Values from `begin` to `end`, in whatever unit, between two pixels."""

    left: int
    right: int
    begin: float
    end: float

    def x(self, value: float) -> int:
        """Pixel of a value, clipped to the scale."""
        clipped = min(max(value, self.begin), self.end)
        return self.left + round((self.right - self.left) * (clipped - self.begin) / (self.end - self.begin))

    def grid(self, canvas: Canvas, top: int, bottom: int, max_steps: int = 5) -> None:
        """Vertical lines at round values, at most `max_steps` steps of them, and their labels below."""
        step = round_up((self.end - self.begin) / max_steps, TICK_FACTORS)
        for tick in range(math.ceil(self.begin / step - ROUNDING), math.floor(self.end / step + ROUNDING) + 1):
            x = self.x(tick * step)
            canvas.vertical(x, top, bottom, GRID)
            canvas.text(x, bottom + AXIS_HEIGHT // 2, f"{tick * step:g}", LABEL_SIZE, MUTED, "centre")


def round_up(value: float, factors: tuple[float, ...]) -> float:
    """The smallest product of a factor in [1, 10) and a power of ten that is not below a positive value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (*factors, 10.0) if factor * power >= value * (1 - ROUNDING))
