"""RLlib: PPO with one local worker; the prefix lets remote workers register the ids, too."""

import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig

ID = "edge_llm_gym:EdgeLLM/SingleNode-Sequential-v0"
STEPS = 4_000
BATCH = 2000

ray.init(num_cpus=1, include_dashboard=False)
config = PPOConfig().environment(ID).env_runners(num_env_runners=0).debugging(seed=0)
config.training(train_batch_size_per_learner=BATCH, num_epochs=10)
algorithm = config.build_algo()
for _ in range(STEPS // BATCH):
    algorithm.train()
module = algorithm.get_module()


def act(observation):
    output = module.forward_inference({"obs": torch.as_tensor(observation[None])})
    return int(output["action_dist_inputs"].argmax())
