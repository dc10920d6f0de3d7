"""Environments whose observations, actions and infos are flat, for clients that do not take dictionaries.

| id | action | codec |
|---|---|---|
| `EdgeLLM/<Name>-Flat-v0` | Box in [-1, 1] | `parameters`, or any other one: `codec="priority"` |
| `EdgeLLM/<Name>-MultiDiscrete-v0` | MultiDiscrete with masks | `multidiscrete` |
| `EdgeLLM/<Name>-Sequential-v0` | Discrete with masks, one request per step | `sequential` |
"""

from edge_llm_gym.env.flat.env import FlatEnv
from edge_llm_gym.lazy import lazy_names

__all__ = ["FlatEnv", "FlatVectorEnv"]

# On first use, so that single environments also run with Gymnasium 0.29, whose vector environments are others.
__getattr__ = lazy_names(__name__, {"FlatVectorEnv": "edge_llm_gym.env.flat.vector_env"})
