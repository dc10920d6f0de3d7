"""The colours of all pictures; colour-blind safe after Okabe and Ito (2008)."""

from typing import Final

Colour = tuple[int, int, int]

INK: Final[Colour] = (33, 37, 41)
MUTED: Final[Colour] = (105, 112, 119)
GRID: Final[Colour] = (222, 226, 230)
PANEL: Final[Colour] = (255, 255, 255)
BACKGROUND: Final[Colour] = (241, 243, 245)
STRIP: Final[Colour] = (248, 249, 250)

OUTCOMES: Final[dict[str, Colour]] = {
    "served": (0, 158, 115),
    "late": (213, 94, 0),
    "below_quality": (204, 121, 167),
    "expired": (73, 80, 87),
    "pending": (86, 180, 233),
}
RUNNING: Final[Colour] = (0, 114, 178)
REFUSED: Final[Colour] = (230, 159, 0)
URGENT: Final[Colour] = (240, 228, 66)
IDLE: Final[Colour] = (173, 181, 189)
NODE: Final[Colour] = (33, 37, 41)

WEIGHTS: Final[Colour] = (134, 142, 150)
KV_CACHE: Final[Colour] = (0, 114, 178)
FREED: Final[Colour] = (153, 201, 232)
FREE: Final[Colour] = (233, 236, 239)

RADIO: Final[Colour] = (153, 201, 232)
WIRE: Final[Colour] = (0, 114, 178)
BUSY: Final[Colour] = (0, 114, 178)
SLOW: Final[Colour] = (230, 159, 0)
THRESHOLD: Final[Colour] = (213, 94, 0)
EXIT: Final[Colour] = (0, 114, 178)
SPREAD: Final[Colour] = (206, 212, 218)
QUARTILES: Final[Colour] = (134, 142, 150)
