"""Exit profiles: the confidence of a model at each of its exits, and whether the answer there is correct."""

from edge_llm_gym.models.exits.files import PROFILES, exit_profile, save_profile
from edge_llm_gym.models.exits.parametric import parametric_profile
from edge_llm_gym.models.exits.profile import ExitProfile

__all__ = ["PROFILES", "ExitProfile", "exit_profile", "parametric_profile", "save_profile"]
