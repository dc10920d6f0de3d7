"""CleanRL: ppo.py as it is; the prefix of the id imports this package."""

import runpy
import sys

import torch

ID = "edge_llm_gym:EdgeLLM/SingleNode-Sequential-v0"
STEPS = 4_096

sys.argv = ["ppo.py", "--env-id", ID, "--total-timesteps", str(STEPS)]
agent = runpy.run_path("ppo.py", run_name="__main__")["agent"]


def act(observation):
    with torch.no_grad():
        return int(agent.actor(torch.as_tensor(observation)).argmax())
