"""RLlib: PPO with one local worker; the prefix lets remote workers register the ids, too."""

import numpy as np
import torch
from ray.rllib.algorithms.ppo import PPOConfig

ID = "edge_llm_gym:EdgeLLM/SingleNode-Flat-v0"
STEPS = 20_000

config = PPOConfig().environment(ID).env_runners(num_env_runners=0).debugging(seed=0)
algorithm = config.build_algo()
while algorithm.metrics.peek("env_runners/num_env_steps_sampled_lifetime", default=0) < STEPS:
    algorithm.train()
module = algorithm.get_module()


def act(observation):
    output = module.forward_inference({"obs": torch.as_tensor(observation[None])})
    distribution = module.get_inference_action_dist_cls().from_logits(output["action_dist_inputs"])
    return np.clip(distribution.to_deterministic().sample()[0].numpy(), -1, 1)
