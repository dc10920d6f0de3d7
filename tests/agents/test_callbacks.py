"""The figures that a run logs: means over the right steps, delays of streams, images near an episode's end."""

import numpy as np
import pytest
from stable_baselines3.common.logger import KVWriter, Logger

from agents.callbacks.episode_images import EpisodeImageCallback
from agents.callbacks.metrics import MetricsCallback, recent_delays_s
from agents.training import make_env
from edge_llm_gym.sim.outcomes import EMPTY

STREAM = {"id": "EdgeLLM/EarlyExit-v0", "overrides": {"horizon_epochs": 10}}


class Kept(KVWriter):
    """An output of a logger that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def write(self, values, excluded, step) -> None:
        self.lines.append(dict(values))

    def close(self) -> None:
        pass


class Model:
    """The attributes of a model that callbacks use."""

    def __init__(self, env) -> None:
        self.kept, self.num_timesteps, self.env = Kept(), 0, env
        self.logger = Logger(None, [self.kept])

    def get_env(self):
        return self.env


def begun(callback, env):
    """The callback at the start of a training on a fresh environment, and its model."""
    model = Model(env)
    env.seed(3)
    env.action_space.seed(3)
    env.reset()
    callback.init_callback(model)
    callback.on_training_start({}, {})
    return model


def rollout(callback, env, steps: int) -> list[dict[str, np.ndarray]]:
    """One rollout of random actions; the metrics of its steps."""
    callback.on_rollout_start()
    metrics = []
    for _ in range(steps):
        env.step(np.stack([env.action_space.sample() for _ in range(env.num_envs)]))
        callback.on_step()
        info = env.last_info
        metrics.append(info.get("final_info", info)["metrics"])
    callback.on_rollout_end()
    return metrics


def mean_arrived(metrics) -> float:
    return float(np.mean([step["arrived"] for step in metrics]))


def test_means_are_over_the_rollouts_since_the_last_line(tiny_env):
    callback = MetricsCallback()
    model = begun(callback, tiny_env)
    first, second = rollout(callback, tiny_env, 2), rollout(callback, tiny_env, 3)
    model.logger.dump()
    third = rollout(callback, tiny_env, 4)
    model.logger.dump()
    means = [line["metrics/arrived"] for line in model.kept.lines]
    assert means == pytest.approx([mean_arrived(first + second), mean_arrived(third)])
    assert means[0] != means[1]


def test_a_line_written_during_a_rollout_starts_the_next_mean(tiny_env):
    callback = MetricsCallback()
    model = begun(callback, tiny_env)
    rollout(callback, tiny_env, 2)
    callback.on_rollout_start()
    model.logger.dump()  # as off-policy algorithms do at an episode's end
    callback.on_rollout_end()
    after = rollout(callback, tiny_env, 3)
    model.logger.dump()
    assert model.kept.lines[1]["metrics/arrived"] == pytest.approx(mean_arrived(after))


def test_arrivals_of_a_reset_count_for_the_step_that_resets(tiny_env):
    callback = MetricsCallback()
    model = begun(callback, tiny_env)
    metrics = rollout(callback, tiny_env, 10)  # an episode; its last step resets all rows
    at_reset = tiny_env.last_info["metrics"]
    model.logger.dump()
    (line,) = model.kept.lines
    arrived, pending = (np.sum([step[name] for step in metrics]) for name in ("arrived", "pending"))
    assert at_reset["arrived"].sum() > 0
    assert line["metrics/arrived"] == pytest.approx((arrived + at_reset["arrived"].sum()) / 30)
    assert line["metrics/pending"] == pytest.approx(pending / 30)
    arrived_value, served_value = (
        np.sum([step[name] for step in metrics]) for name in ("arrived_value", "served_value")
    )
    share = served_value / (arrived_value + at_reset["arrived_value"].sum())
    assert line["metrics/served_share"] == pytest.approx(share)


def test_means_are_over_the_requests_that_arrived(tiny):
    env = make_env(tiny(environment=STREAM, codec={"name": "box"}))
    callback = MetricsCallback()
    model = begun(callback, env)
    metrics = rollout(callback, env, 4)
    model.logger.dump()
    arrived, response_s = (np.sum([step[name] for step in metrics]) for name in ("arrived", "response_s"))
    accuracies = np.concatenate([step["accuracy"] for step in metrics])
    weights = np.concatenate([step["arrived"] for step in metrics])
    (line,) = model.kept.lines
    assert line["metrics/mean_delay_s"] == pytest.approx(response_s / arrived)
    assert line["metrics/accuracy"] == pytest.approx(np.average(accuracies, weights=weights))
    assert line["metrics/accuracy"] != pytest.approx(accuracies.mean())


def test_delays_of_a_stream_are_those_of_recent_arrivals(tiny):
    env = make_env(tiny(environment=STREAM, codec={"name": "box"}))
    callback = MetricsCallback()
    model = begun(callback, env)
    rollout(callback, env, 2)
    model.logger.dump()
    rollout(callback, env, 3)
    model.logger.dump()
    simulator = env.envs.simulator
    recent = []
    for row in range(env.num_envs):
        for request in np.flatnonzero(simulator.state.requests.outcome[row] != EMPTY):
            epoch = simulator.tape.requests.arrival_s[row, request] // simulator.scenario.epoch_s
            if 2 <= epoch < 5:
                recent.append(simulator.state.requests.delay_s[row, request])
    assert len(recent) > 10
    assert sorted(recent_delays_s(simulator, 3)) == pytest.approx(sorted(recent))
    assert model.kept.lines[1]["metrics/delay_p95_s"] == pytest.approx(np.quantile(recent, 0.95))


@pytest.mark.parametrize("environment", [None, STREAM], ids=["batching", "streaming"])
def test_a_frame_shows_the_last_epoch_but_one(tiny, environment):
    sections = {} if environment is None else {"environment": environment, "codec": {"name": "box"}}
    env = make_env(tiny(**sections))
    callback = EpisodeImageCallback(1000)
    model = begun(callback, env)
    rollout(callback, env, 8)
    assert "picture/frame" not in model.logger.name_to_value
    rollout(callback, env, 1)
    assert env.envs.simulator.state.epoch[0] == 9
    drawn = model.logger.name_to_value
    assert drawn["picture/frame"].image.std() > 0
    assert len(drawn["picture/timeline"].figure.axes) > 2
    model.logger.dump()
    rollout(callback, env, 10)  # no image is due before the next 1000 steps
    assert "picture/frame" not in model.logger.name_to_value
