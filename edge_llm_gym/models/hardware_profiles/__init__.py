"""Hardware profiles: coefficients of the cost law that were fitted to timings of one device."""

from edge_llm_gym.models.hardware_profiles.efficiencies import fit_efficiencies, roofline_errors, roofline_times
from edge_llm_gym.models.hardware_profiles.files import (
    PROFILES,
    hardware_profile,
    require_profile_path,
    save_hardware_profile,
)
from edge_llm_gym.models.hardware_profiles.fitting import fit_profile
from edge_llm_gym.models.hardware_profiles.schema import DecodeFit, FitErrors, HardwareProfile, PrefillFit, ProfileRow

__all__ = [
    "PROFILES",
    "DecodeFit",
    "FitErrors",
    "HardwareProfile",
    "PrefillFit",
    "ProfileRow",
    "fit_efficiencies",
    "fit_profile",
    "hardware_profile",
    "require_profile_path",
    "roofline_errors",
    "roofline_times",
    "save_hardware_profile",
]
