"""A whole episode as a figure, for any dynamics. Needs the extra `plots`."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge_llm_gym.files import replacing
from edge_llm_gym.rendering.pictures import loaded, pictures_of
from edge_llm_gym.sim.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def episode_timeline(simulator: Simulator, row: int, caption: str = "") -> "Figure":
    """The figure of a row's episode so far. Raises ImportError where matplotlib is missing.

    `caption` says how the episode was played, such as its policy and seed, and stands in the title.
    """
    figure: Figure = loaded(pictures_of(simulator).timeline)(simulator, row)
    figure.suptitle(_title(simulator, row, caption))
    return figure


def _title(simulator: Simulator, row: int, caption: str) -> str:
    scenario, epochs = simulator.scenario, int(simulator.state.epoch[row])
    name = ", ".join(filter(None, (scenario.name, caption)))
    return f"{name}: {epochs} epochs of {scenario.epoch_s:g} s"


def save_timeline(simulator: Simulator, row: int, path: str | Path, caption: str = "") -> None:
    """Writes the figure to a file as a whole; the suffix chooses the format (png, pdf, svg)."""
    with replacing(path) as temporary:
        episode_timeline(simulator, row, caption).savefig(temporary)
