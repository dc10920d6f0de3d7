"""Figures of comparisons. Matplotlib is imported on first use."""

from typing import Any

import numpy as np

from edge_llm_gym.evaluation.comparison import Comparison

NO_FIGURES = "figures need matplotlib: pip install 'edge-llm-gym[plots]'"
COLOUR, BEST_COLOUR = "#5b8db8", "#d1802b"


def has_matplotlib() -> bool:
    """Whether figures can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def new_figure(width: float, height: float) -> Any:
    """An empty figure with a canvas of its own, sizes in inches. Raises ImportError if matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(NO_FIGURES) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def comparison_figure(comparison: Comparison) -> Any:
    """Mean and 95 % interval of the main metrics of every policy, and paired differences to the best policy."""
    figure = new_figure(15.0, 1.6 + 0.42 * len(comparison.policies))
    panels = comparison.layout.panels
    axes = figure.subplots(1, len(panels) + 1, sharey=True)
    for axis, (metric, title) in zip(axes, panels, strict=False):
        _draw_means(axis, comparison, metric)
        axis.set_title(title, fontsize=10)
    _draw_differences(axes[-1], comparison)
    axes[0].set_yticks(range(len(comparison.policies)), comparison.policies)
    axes[0].invert_yaxis()
    title = f"{comparison.environment}, {len(comparison.seeds)} seeds, 95 % bootstrap intervals"
    figure.suptitle(f"{title}\n{comparison.empty_note}".strip(), fontsize=11)
    return figure


def _draw_means(axis: Any, comparison: Comparison, metric: str) -> None:
    for index, policy in enumerate(comparison.policies):
        interval = comparison.mean(policy, metric)
        colour = BEST_COLOUR if policy == comparison.best else COLOUR
        if np.isnan(interval.mean):
            axis.text(0.02, index, "undefined", transform=axis.get_yaxis_transform(), va="center", fontsize=8)
        axis.barh(index, np.nan_to_num(interval.mean), color=colour, height=0.65)
        axis.plot([interval.low, interval.high], [index, index], color="black", linewidth=1.2)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_differences(axis: Any, comparison: Comparison) -> None:
    for index, policy in enumerate(comparison.policies):
        interval = comparison.difference(policy)
        axis.plot([interval.low, interval.high], [index, index], color=COLOUR, linewidth=2)
        axis.plot(interval.mean, index, "o", color=BEST_COLOUR if policy == comparison.best else COLOUR)
    axis.axvline(0.0, color="black", linewidth=0.8)
    axis.set_title(f"{comparison.layout.score_title}, difference to {comparison.best}", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
