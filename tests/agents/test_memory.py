"""Experts that remember: labels are what they would have done had they acted all the time, episode by episode."""

import numpy as np
import pytest

from agents.acting import Learner
from agents.algorithms import make_model
from agents.evaluation import evaluate
from agents.imitation.dagger import imitate
from agents.imitation.labels import as_labels, collect
from agents.training import make_env
from edge_llm_gym.experts import make_expert

JOINT = {"id": "EdgeLLM/Joint-v0", "overrides": {"slots": 6, "horizon_epochs": 6}}
EXPERT = "ot-gah+dto-ee"


def learner_of(config):
    env = make_env(config)
    model = make_model(config, env, env.envs.scenario)
    return model, Learner("learner", model.policy, env.tokens, env.codec), env.envs


class Counting:
    """Tells in its action how many epochs of the episode it has seen, as an expert with a memory does."""

    def __init__(self, envs) -> None:
        self.envs = envs

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        rows = len(observation["backlog"])
        before = np.zeros(rows, int) if state is None else np.where(episode_start, 0, state)
        batch = np.zeros((rows, self.envs.scenario.slots), int)
        batch[np.arange(rows), before] = 1
        return {"batch": batch, "bandwidth": np.zeros((*batch.shape, 2), np.float32)}, before + 1


def test_memory_goes_from_epoch_to_epoch_and_ends_with_the_episode(tiny):
    _, learner, envs = learner_of(tiny(environment={"id": "EdgeLLM/MultiNode-v0", "overrides": JOINT["overrides"]}))
    expert = Counting(envs)
    _, labels = collect(envs, expert, expert, learner, epochs=9, seed=0)
    place = [int(label[0].reshape(6, -1)[:, 0].argmax()) for label in labels]
    assert place == [0, 1, 2, 3, 4, 5, 0, 1, 2]


def test_who_is_evaluated_remembers_too(tiny):
    _, _, envs = learner_of(tiny(environment={"id": "EdgeLLM/MultiNode-v0", "overrides": JOINT["overrides"]}))
    expert, seen = Counting(envs), []
    step = envs.step
    envs.step = lambda action: seen.append(action["batch"].argmax(axis=1).tolist()) or step(action)
    evaluate(envs, expert, 0)
    assert seen == [[place] * 3 for place in range(6)]


def test_labels_of_the_joint_expert_are_what_it_does_when_it_plays(tiny):
    _, learner, envs = learner_of(tiny(environment=JOINT))
    expert = make_expert(EXPERT, envs)
    _, labels = collect(envs, expert, expert, learner, epochs=4, seed=7)
    observations, _ = envs.reset(seed=7)
    memory, forgot = None, False
    for label in labels:
        fresh, _ = expert.predict(observations)
        action, memory = expert.predict(observations, memory, np.zeros(3, np.bool_) if memory else np.ones(3, np.bool_))
        assert np.array_equal(label, as_labels(observations, action, learner)[1][0])
        forgot |= not np.array_equal(fresh["offload"], action["offload"])
        observations, *_ = envs.step(action)
    assert forgot, "the expert's memory makes no difference here, so the test shows nothing"


def test_the_joint_expert_can_be_cloned(tiny, tmp_path):
    settings = {"rounds": 2, "rows": 4, "epochs_per_round": 6, "passes": 30, "learning_rate": 5e-3}
    config = tiny(environment=JOINT, imitation={"expert": EXPERT} | settings, evaluation={"seeds": 2})
    model, learner, envs = learner_of(config)
    observations, _ = envs.reset(seed=3)
    wanted, _ = make_expert(EXPERT, envs).predict(observations)

    def distance() -> float:
        return float(np.abs(learner.predict(observations)[0]["threshold"] - wanted["threshold"]).mean())

    before = distance()
    report = imitate(model.policy, config, config.imitation, tmp_path)
    assert [row["labels"] for row in report] == [24, 48]
    assert report[-1]["score"] == pytest.approx(report[-1]["expert_score"], rel=0.5)
    assert distance() < 0.5 * before
