"""CleanRL: ppo_continuous_action.py as it is; the prefix of the id imports this package."""

import runpy
import sys

import numpy as np
import torch

ID = "edge_llm_gym:EdgeLLM/SingleNode-Flat-v0"
STEPS = 4_096

sys.argv = ["ppo_continuous_action.py", "--env-id", ID, "--total-timesteps", str(STEPS)]
left = runpy.run_path("ppo_continuous_action.py", run_name="__main__")
agent, env = left["agent"], left["envs"].envs[0]
scales = env.get_wrapper_attr("obs_rms")  # of the observations, which the script normalises


def act(observation):
    scaled = np.clip((observation - scales.mean) / np.sqrt(scales.var + 1e-8), -10, 10)
    with torch.no_grad():
        action = agent.actor_mean(torch.as_tensor(scaled, dtype=torch.float32)).numpy()
    return np.clip(action, env.action_space.low, env.action_space.high)
