"""Independent PPO with shared parameters: every node is an agent that sees only its own load and bids for requests.

All nodes use one network, which scores each visible request from the request, the radio link to the node and the node's
own load. An agent's reward is the value of the requests that its node served. Prints the learning curve, and compares
the result with random agents and with a central expert whose action is split among the agents.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from edge_llm_gym.multiagent import EdgeLLMParallelEnv, SplitPolicy, parallel_env

GAMMA, LAMBDA, CLIP, PASSES, ROWS = 0.8, 0.9, 0.2, 4, 400
PARTS, VALUES = 3, ("served_value", "arrived_value")  # a decision is a bid and weights for uplink and downlink
ByAgent = dict[str, dict[str, np.ndarray]]


def features(observations: ByAgent) -> torch.Tensor:
    """[K, N, F + 1]: request, link and node for each agent and slot, and the mask in the last column."""
    rows = []
    for seen in observations.values():
        node = np.tile(np.minimum(seen["node"], 5.0), (len(seen["requests"]), 1))
        rows.append(np.hstack([seen["requests"], seen["spectral_efficiency"], node, seen["request_mask"][:, None]]))
    return torch.tensor(np.stack(rows), dtype=torch.float32)


def actions_of(decisions: torch.Tensor, names: list[str]) -> ByAgent:
    """The actions of the agents of an environment for decisions [K, N, PARTS]; weights lie around one half."""
    agents = zip(names, decisions.clamp(-1.0, 1.0).numpy(), strict=True)
    return {name: {"bid": own[:, 0], "bandwidth": own[:, 1:] / 2 + 0.5} for name, own in agents}


def layers(*sizes: int) -> nn.Sequential:
    """Linear layers with a ReLU behind each."""
    return nn.Sequential(*[part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())])


class Network(nn.Module):
    """Decisions on the slots of B agents, and the values of their observations."""

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.mean, self.scale = torch.zeros(width), torch.ones(width)
        self.actor, self.critic = (layers(width, hidden, hidden) for _ in range(2))
        self.decide = nn.Sequential(layers(2 * hidden, hidden), nn.Linear(hidden, PARTS))
        self.value = nn.Sequential(layers(hidden, hidden), nn.Linear(hidden, 1))
        self.log_std = nn.Parameter(torch.tensor([-0.7, -1.6, -1.6]))

    def normalise(self, slots: torch.Tensor) -> None:
        """Scales features by their mean and deviation over the requests in some observations."""
        visible = slots[slots[..., -1] > 0][:, :-1]
        self.mean, self.scale = visible.mean(0), visible.std(0) + 1e-3

    def forward(self, slots: torch.Tensor) -> tuple[torch.distributions.Normal, torch.Tensor]:
        """Distribution over [B, N, PARTS], and values [B], of features [B, N, F + 1]."""
        mask, inputs = slots[..., -1:], (slots[..., :-1] - self.mean) / self.scale
        encoded = self.actor(inputs)
        queue = (encoded * mask).mean(1, keepdim=True).expand_as(encoded)
        value = self.value((self.critic(inputs) * mask).mean(1))[:, 0]
        return torch.distributions.Normal(self.decide(torch.cat([encoded, queue], -1)), self.log_std.exp()), value


def collect(envs: list[EdgeLLMParallelEnv], slots: torch.Tensor, network: Network, steps: int) -> tuple:
    """Steps the environments, whose agents are rows: what PPO learns from [T, rows, ...], features, served share."""
    names, kept, values = envs[0].possible_agents, [], np.zeros(2)
    for _ in range(steps):
        with torch.no_grad():
            distribution, value = network(slots)
            decisions = distribution.sample()
        rewards, ends, after = [], [], []
        for env, own in zip(envs, decisions.split(len(names)), strict=True):
            seen, reward, _, _, infos = env.step(actions_of(own, names))
            values += [infos[names[0]]["metrics"][name] for name in VALUES]
            rewards += reward.values()
            ends += [not env.agents] * len(names)
            after.append(features(seen if env.agents else env.reset()[0]))
        log_prob = distribution.log_prob(decisions).sum(-1)
        kept.append((slots, decisions, log_prob, value, torch.tensor(rewards), torch.tensor(ends).float()))
        slots = torch.cat(after)
    return [torch.stack(items) for items in zip(*kept, strict=True)], slots, values[0] / values[1]


def advantages(value: torch.Tensor, reward: torch.Tensor, end: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """[T, rows], generalised advantage estimates; the value after the end of an episode counts as 0."""
    out, following, value_after = torch.zeros_like(value), torch.zeros_like(last), last
    for t in reversed(range(len(out))):
        delta = reward[t] + GAMMA * (1 - end[t]) * value_after - value[t]
        out[t] = following = delta + GAMMA * LAMBDA * (1 - end[t]) * following
        value_after = value[t]
    return out


def update(network: Network, optimiser: torch.optim.Optimizer, *data: torch.Tensor) -> None:
    """PPO, with the ratio of probabilities clipped for each slot."""
    slots, decisions, log_prob, value, advantage = (one.flatten(0, 1) for one in data)
    target, gain = advantage + value, (advantage - advantage.mean()) / (advantage.std() + 1e-6)
    for _ in range(PASSES):
        for rows in torch.randperm(len(target)).split(ROWS):
            distribution, now = network(slots[rows])
            ratio = (distribution.log_prob(decisions[rows]).sum(-1) - log_prob[rows]).exp()
            better = torch.minimum(ratio * gain[rows, None], ratio.clamp(1 - CLIP, 1 + CLIP) * gain[rows, None])
            loss = (now - target[rows]).square().mean() - (better * slots[rows][..., -1]).sum(-1).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()


def served_share(env: EdgeLLMParallelEnv, act: Callable[[ByAgent], ByAgent], seeds: int) -> float:
    """Share of the value served in some episodes."""
    values = np.zeros(2)
    for seed in range(seeds):
        seen, _ = env.reset(seed=seed)
        while env.agents:
            seen, _, _, _, infos = env.step(act(seen))
        values += [infos[env.possible_agents[0]]["totals"][name] for name in VALUES]
    return values[0] / values[1]


def main(iterations: int = 80, steps: int = 50, copies: int = 8, seeds: int = 10, epochs: int = 50) -> None:
    """Trains on `copies` environments and prints the share of the value served, first while learning, then compared."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = {"horizon_epochs": epochs, "arrivals.rate_per_s": 1.35, "slots": 16}  # half the load: quicker to learn
    envs = [parallel_env("EdgeLLM/MultiNode-v0", rewards="local", overrides=settings) for _ in range(copies)]
    slots = torch.cat([features(env.reset(seed=1_000_000 + index)[0]) for index, env in enumerate(envs)])
    network = Network(slots.shape[-1] - 1)
    network.normalise(collect(envs, slots, network, steps)[0][0])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for iteration in range(iterations):
        (*seen, value, reward, end), slots, share = collect(envs, slots, network, steps)
        if iteration % max(iterations // 16, 1) == 0 or iteration == iterations - 1:
            print(f"iteration {iteration}: {share:.1%} of the value served", flush=True)
        update(network, optimiser, *seen, value, advantages(value, reward, end, network(slots)[1].detach()))
    env, names, expert = envs[0], envs[0].possible_agents, SplitPolicy("ot-gah", envs[0])
    for label, act in (
        ("random", lambda _: {name: env.action_space(name).sample() for name in names}),
        ("independent PPO", lambda seen: actions_of(network(features(seen))[0].mean.detach(), names)),
        ("central ot-gah, split", lambda _: expert.predict(env.global_observation())[0]),
    ):
        print(f"{label}: {served_share(env, act, seeds):.1%} of the value served")


if __name__ == "__main__":
    main()
