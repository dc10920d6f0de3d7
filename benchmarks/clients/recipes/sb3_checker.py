"""Stable-Baselines3: its checker on every flat id."""

import warnings

import gymnasium
from stable_baselines3.common.env_checker import check_env

import edge_llm_gym  # registers the ids
from edge_llm_gym.registration import FLAT_ENVIRONMENTS

ID = "EdgeLLM/SingleNode-Flat-v0"

with warnings.catch_warnings():
    warnings.simplefilter("error")
    for name in FLAT_ENVIRONMENTS:
        check_env(gymnasium.make(name), skip_render_check=True)
CHECKED = f"{len(FLAT_ENVIRONMENTS)} flat ids without a warning"
