"""Independent PPO with shared parameters: every node is an agent that sees only its own load and bids for requests.

All nodes use one network, which scores each visible request from the request, the radio link to the node and the node's
own load. An agent's reward is the value of the requests that its node served. Prints the learning curve, and compares
the result with random agents and with a central expert whose action is split among the agents.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from edge_llm_gym.multiagent import EdgeLLMParallelEnv, SplitPolicy, parallel_env

ENVIRONMENT = "EdgeLLM/MultiNode-v0"
GAMMA, LAMBDA, CLIP, PASSES, ROWS = 0.8, 0.9, 0.2, 4, 400
PARTS = 3  # of the decision on a slot: bid, uplink weight, downlink weight


def features(observation: dict[str, np.ndarray]) -> np.ndarray:
    """[N, F + 1]: request, link and node for each slot of one agent's observation, and the mask in the last column."""
    node = np.tile(np.minimum(observation["node"], 5.0), (len(observation["requests"]), 1))
    mask = observation["request_mask"][:, None]
    return np.concatenate(
        [observation["requests"], observation["spectral_efficiency"], node, mask], 1, dtype=np.float32
    )


class Network(nn.Module):
    """Decisions on the slots of B agents, and the values of their observations."""

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.actor, self.critic = (
            nn.Sequential(nn.Linear(width - 1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()) for _ in "ac"
        )
        self.decide = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, PARTS))
        self.value = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.log_std = nn.Parameter(torch.tensor([-0.7, -1.6, -1.6]))
        self.register_buffer("mean", torch.zeros(width - 1))
        self.register_buffer("scale", torch.ones(width - 1))

    def normalise(self, slots: torch.Tensor) -> None:
        """Scales features by their mean and deviation over visible requests."""
        seen = slots[slots[..., -1] > 0][:, :-1]
        self.mean, self.scale = seen.mean(0), seen.std(0) + 1e-3

    def forward(self, slots: torch.Tensor) -> tuple[torch.distributions.Normal, torch.Tensor]:
        """Distribution over [B, N, PARTS], and values [B], of features [B, N, F + 1]."""
        mask, inputs = slots[..., -1:], (slots[..., :-1] - self.mean) / self.scale
        encoded = self.actor(inputs)
        queue = (encoded * mask).mean(1, keepdim=True)
        mean = self.decide(torch.cat([encoded, queue.expand_as(encoded)], -1))
        value = self.value((self.critic(inputs) * mask).mean(1))[:, 0]
        return torch.distributions.Normal(mean, self.log_std.exp()), value


def actions_of(decisions: np.ndarray, names: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """The actions of the agents of one environment for decisions [K, N, PARTS]; weights lie around one half."""
    inside = np.clip(decisions, -1.0, 1.0)
    return {
        name: {"bid": own[:, 0], "bandwidth": own[:, 1:] / 2 + 0.5} for name, own in zip(names, inside, strict=True)
    }


class Rollout:
    """Steps some environments side by side and holds what PPO learns from; rows are the agents of all of them."""

    def __init__(self, envs: list[EdgeLLMParallelEnv]) -> None:
        self.envs, self.names, self.served, self.arrived = envs, envs[0].possible_agents, 0.0, 0.0
        self.slots = np.concatenate([self.stack(env.reset(seed=1_000_000 + i)[0]) for i, env in enumerate(envs)])

    def stack(self, observations: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
        """[K, N, F + 1] of the agents of one environment."""
        return np.stack([features(observations[name]) for name in self.names])

    def collect(self, network: Network, steps: int) -> dict[str, torch.Tensor]:
        """Features, decisions, log-probabilities, values, rewards and ends of episodes, each [T, rows, ...]."""
        self.served = self.arrived = 0.0
        kept: dict[str, list] = {key: [] for key in ("slots", "decisions", "log_prob", "value", "reward", "end")}
        for _ in range(steps):
            slots = torch.as_tensor(self.slots)
            with torch.no_grad():
                distribution, value = network(slots)
                decisions = distribution.sample()
            reward, end = self.step(decisions.numpy().reshape(len(self.envs), len(self.names), -1, PARTS))
            new = (slots, decisions, distribution.log_prob(decisions), value, torch.tensor(reward), torch.tensor(end))
            for key, item in zip(kept, new, strict=True):
                kept[key].append(item)
        return {key: torch.stack(items) for key, items in kept.items()}

    def step(self, decisions: np.ndarray) -> tuple[list[float], list[float]]:
        """Rewards and ends of all rows."""
        rewards: list[float] = []
        ends: list[float] = []
        slots = []
        for env, own in zip(self.envs, decisions, strict=True):
            seen, reward, _, _, infos = env.step(actions_of(own, self.names))
            metrics = infos[self.names[0]]["metrics"]
            self.served, self.arrived = self.served + metrics["served_value"], self.arrived + metrics["arrived_value"]
            rewards += [reward[name] for name in self.names]
            ends += [float(not env.agents)] * len(self.names)
            slots.append(self.stack(seen if env.agents else env.reset()[0]))
        self.slots = np.concatenate(slots)
        return rewards, ends


def advantages(data: dict[str, torch.Tensor], last_value: torch.Tensor) -> torch.Tensor:
    """[T, rows], generalised advantage estimates; the value after the end of an episode counts as 0."""
    out, following, value = torch.zeros_like(data["value"]), torch.zeros_like(last_value), last_value
    for t in reversed(range(len(out))):
        goes_on = 1.0 - data["end"][t]
        delta = data["reward"][t] + GAMMA * goes_on * value - data["value"][t]
        out[t] = following = delta + GAMMA * LAMBDA * goes_on * following
        value = data["value"][t]
    return out


def update(network: Network, optimiser: torch.optim.Optimizer, data: dict[str, torch.Tensor]) -> None:
    """PPO, with the ratio of probabilities clipped for each slot."""
    rows = {key: item.flatten(0, 1) for key, item in data.items()}
    advantage = (rows["advantage"] - rows["advantage"].mean()) / (rows["advantage"].std() + 1e-6)
    target = rows["advantage"] + rows["value"]
    for _ in range(PASSES):
        for chosen in torch.randperm(len(target)).split(ROWS):
            distribution, value = network(rows["slots"][chosen])
            mask, gain = rows["slots"][chosen][..., -1], advantage[chosen][:, None]
            ratio = (distribution.log_prob(rows["decisions"][chosen]) - rows["log_prob"][chosen]).sum(-1).exp()
            better = torch.minimum(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain)
            loss = (value - target[chosen]).square().mean() - (better * mask).sum(-1).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()


def served_share(env: EdgeLLMParallelEnv, act: Callable[[dict], dict], seeds: int) -> float:
    """Share of the value served over some episodes by `act`, which maps observations of all agents to actions."""
    served = arrived = 0.0
    for seed in range(seeds):
        seen, _ = env.reset(seed=seed)
        while env.agents:
            seen, _, _, _, infos = env.step(act(seen))
        totals = infos[env.possible_agents[0]]["totals"]
        served, arrived = served + totals["served_value"], arrived + totals["arrived_value"]
    return served / arrived


def main(iterations: int = 60, steps: int = 50, copies: int = 8, seeds: int = 5, epochs: int = 50) -> None:
    """Trains on `copies` environments and prints the share of the value served, first while learning, then compared."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = {"horizon_epochs": epochs, "arrivals.rate_per_s": 1.35, "slots": 16}  # half the load: quicker to learn
    make = {"rewards": "local", "overrides": settings}
    rollout = Rollout([parallel_env(ENVIRONMENT, **make) for _ in range(copies)])
    network = Network(rollout.slots.shape[-1])
    network.normalise(rollout.collect(network, steps)["slots"])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for iteration in range(iterations):
        data = rollout.collect(network, steps)
        with torch.no_grad():
            data["advantage"] = advantages(data, network(torch.as_tensor(rollout.slots))[1])
        if iteration % max(iterations // 12, 1) == 0 or iteration == iterations - 1:
            print(f"iteration {iteration}: {rollout.served / rollout.arrived:.1%} of the value served", flush=True)
        update(network, optimiser, data)
    env = parallel_env(ENVIRONMENT, **make)
    expert = SplitPolicy("ot-gah", env)

    def learned(seen: dict) -> dict:
        with torch.no_grad():
            return actions_of(network(torch.as_tensor(rollout.stack(seen)))[0].mean.numpy(), rollout.names)

    policies: dict[str, Callable[[dict], dict]] = {
        "random": lambda _: {name: env.action_space(name).sample() for name in env.agents},
        "independent PPO": learned,
        "central ot-gah, split": lambda _: expert.predict(env.global_observation())[0],
    }
    for name, act in policies.items():
        print(f"{name}: {served_share(env, act, seeds):.1%} of the value served")


if __name__ == "__main__":
    main()
