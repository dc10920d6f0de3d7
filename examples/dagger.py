"""Imitate an expert with DAgger: the learner acts, the expert labels the visited states, the learner fits all labels.

The learner is a small network that scores each pair of a request and a node; the codec "priority" inserts requests in
the order of their scores where they fit.
"""

from collections.abc import Mapping

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import edge_llm_gym  # noqa: F401 - registers the environments
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.evaluation import compare
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import scenario_of

ENVIRONMENT = "EdgeLLM/MultiNode-v0"
Observation = Mapping[str, np.ndarray]


def pair_features(observation: Observation) -> torch.Tensor:
    """[R, N, K, F]: features of each request, each node and the link between them, for R observations."""
    links = observation["spectral_efficiency"]
    shape = links.shape[:3]
    requests = np.broadcast_to(observation["requests"][:, :, None], (*shape, observation["requests"].shape[-1]))
    nodes = np.broadcast_to(observation["nodes"][:, None], (*shape, observation["nodes"].shape[-1]))
    return torch.as_tensor(np.concatenate([requests, nodes, links], axis=-1), dtype=torch.float32).clamp(max=10.0)


class Learner:
    """A network for pairs, and its actions through the codec."""

    def __init__(self, env: gym.Env | gym.vector.VectorEnv, network: nn.Module) -> None:
        self.codec, self.network = make_codec("priority", scenario_of(env)), network

    def act(self, observation: Observation) -> dict[str, np.ndarray]:
        """Dictionary actions for R observations."""
        with torch.no_grad():
            scores = torch.tanh(self.network(pair_features(observation)).squeeze(-1))
        return self.codec.decode(scores.flatten(1).numpy(), observation)

    def predict(self, observation, state=None, episode_start=None, deterministic=False):  # type: ignore[no-untyped-def]
        """The action for one observation: the predict method that `compare` calls."""
        action = self.act({key: value[None] for key, value in observation.items()})
        return {key: value[0] for key, value in action.items()}, state


def fit(network: nn.Module, features: torch.Tensor, labels: torch.Tensor, passes: int) -> None:
    """Minimises the cross-entropy of the pairs that the expert chose."""
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
    for _ in range(passes):
        for rows in torch.randperm(len(features)).split(256):
            optimiser.zero_grad()
            loss(network(features[rows]).squeeze(-1), labels[rows]).backward()
            optimiser.step()


def main(rounds: int = 4, steps: int = 25, passes: int = 10, seeds: int = 3) -> None:
    """Runs DAgger on 16 native rows and prints a comparison with the expert."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = {"horizon_epochs": 50}
    envs = gym.make_vec(ENVIRONMENT, num_envs=16, vectorization_mode="vector_entry_point", overrides=settings)
    observation, _ = envs.reset(seed=1_000_000)
    expert, pairs = make_expert("ot-gah", envs), pair_features(observation)
    network = nn.Sequential(nn.Linear(pairs.shape[-1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    learner, features, labels = Learner(envs, network), [], []
    for iteration in range(rounds):
        for _ in range(steps):
            chosen, _ = expert.predict(observation)
            features.append(pair_features(observation))
            node = np.arange(1, features[-1].shape[2] + 1)
            labels.append(torch.as_tensor(chosen["batch"][..., None] == node, dtype=torch.float32))
            observation, *_ = envs.step(chosen if iteration == 0 else learner.act(observation))
        fit(network, torch.cat(features), torch.cat(labels), passes)
    policies = ["ot-gah", ("dagger", lambda env: Learner(env, network)), "random"]
    result = compare(ENVIRONMENT, policies, seeds=range(seeds), overrides=settings)
    for name in result.policies:
        print(f"{name}: {result.mean(name, 'served_share').mean:.1%} of the value served")


if __name__ == "__main__":
    main()
