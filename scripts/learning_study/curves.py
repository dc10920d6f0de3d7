"""Learning curves of the recipes of PPO and A2C: regret to the expert over environment steps."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.files import replacing
from scripts.kept_runs import is_finished
from scripts.learning_study.recipes import OTHERS
from scripts.learning_study.runs import Study, regret_curve
from scripts.study_tables import scale_of

FAMILIES: Final = {"parameters": "PPO", "a2c-parameters": "A2C"}
CURVE_DPI: Final = 110
PANEL_INCHES: Final = (3.2, 3.0)


def draw(study: Study, path: Path) -> None:
    """A panel for each environment of which there are runs: mean and range over their training seeds."""
    shown = [name for name in OTHERS if any(_curves(study, family, name) for family in FAMILIES)]
    figure = new_figure(PANEL_INCHES[0] * len(shown), PANEL_INCHES[1])
    for axis, name in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
        for family, label in FAMILIES.items():
            _line(axis, _curves(study, family, name), scale_of(name), label)
        axis.axhline(0.0, color="black", linewidth=0.8)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("thousand environment steps", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("regret to the expert (points; reward on early-exit)", fontsize=8)
    figure.axes[0].legend(frameon=False, fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=CURVE_DPI)


def _curves(study: Study, family: str, environment: str) -> list[Array]:
    """The curves [points, 2] of the finished runs, by seed."""
    folders = sorted(study.runs.glob(f"{family}-{environment}-*"))
    return [regret_curve(folder) for folder in folders if is_finished(folder)]


def _line(axis: Any, curves: list[Array], scale: float, label: str) -> None:
    if not curves:
        return
    stacked = np.array(curves)
    steps, regret = stacked[0, :, 0] / 1e3, scale * stacked[..., 1]
    (line,) = axis.plot(steps, regret.mean(axis=0), label=label)
    axis.fill_between(steps, regret.min(axis=0), regret.max(axis=0), alpha=0.25, linewidth=0, color=line.get_color())
