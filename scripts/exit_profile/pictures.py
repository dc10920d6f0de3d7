"""Figures of an exit profile: confidences, calibration, and accuracy against layers saved."""

from typing import Any

import numpy as np

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.models.exits import ExitProfile
from exit_profile.calibration import common_threshold, own_thresholds, reliability

RIGHT, WRONG, BEST, GUIDE = "#2f6ea3", "#e0a458", "#333333", "#8a8a8a"
HISTOGRAM_BINS = np.linspace(0.0, 1.0, 26)
MARKED_THRESHOLDS = (0.3, 0.5, 0.7, 0.9, 0.99)
LARGEST_DOT = 170.0


def confidence_figure(profile: ExitProfile) -> Any:
    """Histogram of the confidence at each exit, correct and wrong answers stacked."""
    figure, axes = _panels(profile, 3.0, "share of rows")
    for index, axis in enumerate(axes):
        right = profile.correct[:, index]
        parts = [profile.confidence[right, index], profile.confidence[~right, index]]
        weights = [np.full(part.size, 1 / profile.rows) for part in parts]
        axis.hist(
            parts, HISTOGRAM_BINS, weights=weights, stacked=True, color=[RIGHT, WRONG], label=["correct", "wrong"]
        )
        axis.set_title(f"exit {index + 1}: {profile.accuracy[index]:.1%} correct", fontsize=10)
    axes[-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def calibration_figure(profile: ExitProfile) -> Any:
    """Reliability diagram of each exit: accuracy against confidence per bin; dot areas show the number of rows."""
    figure, axes = _panels(profile, 3.4, "accuracy")
    for index, axis in enumerate(axes):
        bins = reliability(profile, index)
        axis.plot([0, 1], [0, 1], color=GUIDE, linewidth=1, linestyle="--")
        axis.plot(bins.confidence, bins.accuracy, color=RIGHT, linewidth=1)
        axis.scatter(bins.confidence, bins.accuracy, LARGEST_DOT * bins.count / bins.count.max(), color=RIGHT)
        axis.set_title(f"exit {index + 1}: ECE {bins.ece:.3f}", fontsize=10)
        axis.set(ylim=(0, 1.03), aspect="equal")
    return figure


def savings_figure(profile: ExitProfile) -> Any:
    """Accuracy against the mean share of layers saved, for a common threshold, one per exit, and single exits."""
    figure = new_figure(6.4, 4.2)
    axis = figure.subplots()
    curve, marked = common_threshold(profile), common_threshold(profile, np.array(MARKED_THRESHOLDS))
    best = own_thresholds(profile)
    axis.plot(curve.saved, curve.accuracy, color=RIGHT, linewidth=1.8, label="common threshold")
    axis.plot(marked.saved, marked.accuracy, "o", color=RIGHT)
    for threshold, saved, accuracy in zip(MARKED_THRESHOLDS, marked.saved, marked.accuracy, strict=True):
        axis.annotate(f"{threshold:g}", (saved, accuracy), xytext=(-8, -13), textcoords="offset points", fontsize=9)
    axis.plot(best.saved, best.accuracy, color=BEST, linewidth=1.8, label="a threshold for each exit")
    alone = 1 - np.arange(1, profile.exits + 1) / profile.exits
    axis.plot(alone, profile.accuracy, "s--", color=WRONG, label="all rows leave at one exit")
    axis.set(xlabel="mean share of layers saved", ylabel="accuracy")
    axis.legend(frameon=False, loc="lower left")
    axis.spines[["top", "right"]].set_visible(False)
    return figure


FIGURES = {
    "exit-confidence": confidence_figure,
    "exit-calibration": calibration_figure,
    "exit-savings": savings_figure,
}
"""Figures by the first part of their file names, which end with the name of the profile."""


def _panels(profile: ExitProfile, height: float, label: str) -> tuple[Any, Any]:
    figure = new_figure(1.0 + 2.7 * profile.exits, height)
    axes = np.atleast_1d(figure.subplots(1, profile.exits, sharey=True))
    for axis in axes:
        axis.set(xlabel="confidence", xlim=(0, 1.03))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(label)
    return figure, axes
