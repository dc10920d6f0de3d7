"""Comparisons over one or two parameters of a scenario."""

from edge_llm_gym.evaluation.sweeps.files import save_sweep
from edge_llm_gym.evaluation.sweeps.grid import Grid, Parameter, Point
from edge_llm_gym.evaluation.sweeps.result import Sweep
from edge_llm_gym.evaluation.sweeps.running import sweep

__all__ = ["Grid", "Parameter", "Point", "Sweep", "save_sweep", "sweep"]
