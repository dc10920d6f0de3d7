"""Experts with a recurrent state: labels are their actions in an episode that they play throughout."""

import numpy as np
import pytest

from agents.evaluation import evaluate
from agents.imitation.dagger import imitate
from agents.imitation.labels import LabellingPolicy, as_labels, collect
from agents.models import make_model
from agents.training import make_env
from edge_llm_gym.experts import make_expert
from edge_llm_gym.sb3 import DecodedPolicy

JOINT = {"id": "EdgeLLM/Joint-v0", "overrides": {"slots": 6, "horizon_epochs": 6}}
EXPERT = "ot-gah+dto-ee"


def agent_of(config):
    env = make_env(config)
    model = make_model(config, env, env.envs.scenario)
    return model, DecodedPolicy(model.policy, env.envs, env.codec), env.envs


class Counting:
    """Encodes in its action the number of epochs since the episode began, kept in its recurrent state."""

    def __init__(self, envs) -> None:
        self.envs = envs

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        rows = len(observation["backlog"])
        before = np.zeros(rows, int) if state is None else np.where(episode_start, 0, state)
        batch = np.zeros((rows, self.envs.scenario.slots), int)
        batch[np.arange(rows), before] = 1
        return {"batch": batch, "bandwidth": np.zeros((*batch.shape, 2), np.float32)}, before + 1


def test_state_is_passed_between_epochs_and_reset_with_the_episode(tiny):
    _, agent, envs = agent_of(tiny(environment={"id": "EdgeLLM/MultiNode-v0", "overrides": JOINT["overrides"]}))
    expert = Counting(envs)
    _, labels = collect(envs, LabellingPolicy(expert, expert, agent), epochs=9, seed=0)
    slot = [int(label[0].reshape(6, -1)[:, 0].argmax()) for label in labels]
    assert slot == [0, 1, 2, 3, 4, 5, 0, 1, 2]


def test_evaluation_passes_the_state(tiny):
    _, _, envs = agent_of(tiny(environment={"id": "EdgeLLM/MultiNode-v0", "overrides": JOINT["overrides"]}))
    expert, seen = Counting(envs), []
    step = envs.step
    envs.step = lambda action: seen.append(action["batch"].argmax(axis=1).tolist()) or step(action)
    evaluate(envs, expert, 0)
    assert seen == [[epoch] * 3 for epoch in range(6)]


def test_labels_of_the_joint_expert_are_its_own_actions(tiny):
    _, agent, envs = agent_of(tiny(environment=JOINT))
    expert = make_expert(EXPERT, envs)
    _, labels = collect(envs, LabellingPolicy(expert, expert, agent), epochs=4, seed=7)
    observations, _ = envs.reset(seed=7)
    state, differs = None, False
    for label in labels:
        fresh, _ = expert.predict(observations)
        starts = np.full(3, state is None)
        action, state = expert.predict(observations, state, starts)
        assert np.array_equal(label, as_labels(observations, action, agent)[1][0])
        differs |= not np.array_equal(fresh["offload"], action["offload"])
        observations, *_ = envs.step(action)
    assert differs, "the expert's state makes no difference here, so the comparison is vacuous"


def test_the_joint_expert_can_be_imitated(tiny, tmp_path):
    settings = {"rounds": 2, "rows": 4, "epochs_per_round": 6, "passes": 30, "learning_rate": 5e-3}
    config = tiny(environment=JOINT, imitation={"expert": EXPERT} | settings, evaluation={"seeds": 2})
    model, agent, envs = agent_of(config)
    observations, _ = envs.reset(seed=3)
    wanted, _ = make_expert(EXPERT, envs).predict(observations)

    def distance() -> float:
        return float(
            np.abs(agent.predict(observations, deterministic=True)[0]["threshold"] - wanted["threshold"]).mean()
        )

    before = distance()
    report = imitate(model.policy, config, config.imitation, tmp_path)
    assert [row["labels"] for row in report] == [24, 48]
    assert report[-1]["score"] == pytest.approx(report[-1]["expert_score"], rel=0.5)
    assert distance() < 0.5 * before
