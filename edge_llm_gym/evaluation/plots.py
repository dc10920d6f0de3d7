"""Pictures of comparisons. Matplotlib is loaded on use."""

from typing import Any

import numpy as np

from edge_llm_gym.evaluation.compare import Comparison

COLOUR, BEST_COLOUR = "#5b8db8", "#d1802b"


def new_figure(width: float, height: float) -> Any:
    """An empty figure of its own canvas, in inches; raises ImportError naming the extra where matplotlib is absent."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'edge-llm-gym[plots]'") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def comparison_figure(comparison: Comparison) -> Any:
    """Mean and 95 % interval of the main figures of every policy, and paired differences to the best one."""
    figure = new_figure(15.0, 1.6 + 0.42 * len(comparison.policies))
    panels = comparison.measures.panels
    axes = figure.subplots(1, len(panels) + 1, sharey=True)
    for axis, (metric, title) in zip(axes, panels, strict=False):
        _draw_means(axis, comparison, metric)
        axis.set_title(title, fontsize=10)
    _draw_differences(axes[-1], comparison)
    axes[0].set_yticks(range(len(comparison.policies)), comparison.policies)
    axes[0].invert_yaxis()
    figure.suptitle(f"{comparison.environment}, {len(comparison.seeds)} seeds, 95 % bootstrap intervals", fontsize=11)
    return figure


def _draw_means(axis: Any, comparison: Comparison, metric: str) -> None:
    for place, policy in enumerate(comparison.policies):
        interval = comparison.mean(policy, metric)
        colour = BEST_COLOUR if policy == comparison.best else COLOUR
        axis.barh(place, np.nan_to_num(interval.mean), color=colour, height=0.65)
        axis.plot([interval.low, interval.high], [place, place], color="black", linewidth=1.2)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_differences(axis: Any, comparison: Comparison) -> None:
    for place, policy in enumerate(comparison.policies):
        interval = comparison.difference(policy)
        axis.plot([interval.low, interval.high], [place, place], color=COLOUR, linewidth=2)
        axis.plot(interval.mean, place, "o", color=BEST_COLOUR if policy == comparison.best else COLOUR)
    axis.axvline(0.0, color="black", linewidth=0.8)
    axis.set_title(f"{comparison.measures.score_title}, paired to {comparison.best}", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
