"""TorchRL: PPO with two processes by `GymEnv(..., num_envs=2)`; the prefix of the id registers it in each."""

import torch
from tensordict.nn import NormalParamExtractor, TensorDictModule
from torch.nn import LazyLinear, Sequential, Tanh
from torchrl.collectors import Collector
from torchrl.envs import GymEnv
from torchrl.modules import ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

ID = "edge_llm_gym:EdgeLLM/SingleNode-Flat-v0"
SETTINGS = {"codec": "priority"}
STEPS = 12_000

if __name__ == "__main__":  # `num_envs` starts processes
    torch.manual_seed(0)
    env = GymEnv(ID, num_envs=2, **SETTINGS)
    size = env.action_spec.shape[-1]
    network = Sequential(
        LazyLinear(64),
        Tanh(),
        LazyLinear(64),
        Tanh(),
        LazyLinear(2 * size),
        NormalParamExtractor("biased_softplus_0.2"),
    )
    actor = ProbabilisticActor(
        TensorDictModule(network, ["observation"], ["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
        distribution_kwargs={"low": env.action_spec.space.low[0], "high": env.action_spec.space.high[0]},
        return_log_prob=True,
    )
    critic = ValueOperator(Sequential(LazyLinear(64), Tanh(), LazyLinear(64), Tanh(), LazyLinear(1)))
    sample = env.reset()
    actor(sample.clone()), critic(sample.clone())  # gives the lazy layers their sizes
    loss_of = ClipPPOLoss(actor, critic, entropy_coeff=0.0, normalize_advantage=True)
    advantage_of = GAE(gamma=0.9, lmbda=0.9, value_network=critic)
    optimiser = torch.optim.Adam(loss_of.parameters(), lr=3e-4)
    for batch in Collector(env, actor, frames_per_batch=1000, total_frames=STEPS):
        for _ in range(10):
            with torch.no_grad():
                advantage_of(batch)
            for part in batch.reshape(-1)[torch.randperm(batch.numel())].split(125):
                losses = loss_of(part)
                optimiser.zero_grad()
                sum(value for key, value in losses.items() if key.startswith("loss_")).backward()
                optimiser.step()

    def act(observation):
        with torch.no_grad():
            location, _ = network(torch.as_tensor(observation))
        return location.tanh().numpy()
