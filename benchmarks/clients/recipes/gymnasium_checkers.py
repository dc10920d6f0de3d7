"""Gymnasium: its checkers on every registered id, and every way to make a vector of them."""

import warnings

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Flat-v0"

ids = [name for name in gymnasium.registry if name.startswith("EdgeLLM/")]
with warnings.catch_warnings():
    warnings.simplefilter("error")
    for name in ids:
        check_env(gymnasium.make(name).unwrapped, skip_render_check=True)
        check_environments_match(gymnasium.make(name), gymnasium.make(name), num_steps=20)
for name in ids:
    if gymnasium.spec(name).vector_entry_point is not None:
        rows = [gymnasium.make_vec(name, 2, mode) for mode in ("sync", "vector_entry_point")]
        first, second = (each.reset(seed=0)[0] for each in rows)
        for key in first if isinstance(first, dict) else [...]:
            np.testing.assert_array_equal(first[key], second[key])
CHECKED = f"{len(ids)} ids without a warning"
