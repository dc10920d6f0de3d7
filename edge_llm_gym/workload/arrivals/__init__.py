"""Arrival processes: arrival times of requests, drawn as one sorted array per episode."""

from edge_llm_gym.workload.arrivals.day_cycle import DayCycle
from edge_llm_gym.workload.arrivals.modulated import ModulatedPoisson, Modulation
from edge_llm_gym.workload.arrivals.process import ArrivalProcess, at_rate, require_positive
from edge_llm_gym.workload.arrivals.stationary import GammaBursty, Poisson

__all__ = [
    "ArrivalProcess",
    "DayCycle",
    "GammaBursty",
    "ModulatedPoisson",
    "Modulation",
    "Poisson",
    "at_rate",
    "require_positive",
]
