"""What an expert loses in a codec, and how often a clone does as its expert would."""

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the agents need the extra 'agents'")

from agents.evaluation import make_envs
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.experts import make_expert
from scripts.imitation_study.policies import Agreement, ThroughCodec
from scripts.imitation_study.runs import config_of


class Recorded:
    """A policy whose batches are given, one after the other."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return {"batch": np.array(next(self.batches))}, state


def test_agreement_counts_the_requests_that_either_serves():
    clone = Recorded([[[1, 0, 2]], [[0, 0, 1]]])
    expert = Recorded([[[1, 2, 1]], [[0, 1, 1]]])
    counted = Agreement(clone, expert)
    assert [counted.predict({})[0]["batch"].tolist() for _ in range(2)] == [[[1, 0, 2]], [[0, 0, 1]]]
    assert (counted.same, counted.either) == (2, 5)


def test_a_codec_that_cannot_express_an_expert_changes_its_batches():
    config = config_of("multi-node", "stb", 0, {"environment.overrides": {"slots": 6, "horizon_epochs": 6}})
    envs = make_envs(config, 2)
    observation, _ = envs.reset(seed=0)
    expert, codec = make_expert("stb", envs), make_codec("priority", envs.scenario)
    through = ThroughCodec(expert, codec)
    wanted = expert.predict(observation)[0]
    expected = codec.decode(codec.encode(wanted, observation), observation)
    assert np.array_equal(through.predict(observation)[0]["batch"], expected["batch"])
