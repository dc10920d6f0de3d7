"""Expert data through Minari and back."""

import numpy as np
import pytest

pytest.importorskip("minari", reason="datasets need the extra 'data'")

from agents.evaluation import make_envs
from agents.imitation.command import clone, export_episodes
from agents.imitation.dataset import labelled, load
from edge_llm_gym.experts import make_expert

NAME = "edge-llm/tiny-v0"
EPISODES, HORIZON = 2, 10


@pytest.fixture
def exported(tiny, tmp_path, monkeypatch):
    """A configuration, and the dataset of its expert in a store of its own."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "store"))
    config = tiny(imitation={"expert": "edf", "rounds": 1, "rows": 2, "epochs_per_round": 3, "passes": 1})
    export_episodes(config, NAME, EPISODES)
    return config


def test_exported_episodes_are_those_of_the_expert(exported):
    dataset = load(NAME)
    assert (dataset.total_episodes, dataset.total_steps) == (EPISODES, EPISODES * HORIZON)
    envs = make_envs(exported, EPISODES)
    assert dataset.recover_environment().unwrapped.scenario == envs.scenario
    expert = make_expert("edf", envs)
    now, _ = envs.reset(seed=exported.imitation.seed)
    played = list(dataset.iterate_episodes())
    for step in range(HORIZON):
        action, _ = expert.predict(now)
        for row, episode in enumerate(played):
            for key, array in now.items():
                assert np.array_equal(episode.observations[key][step], array[row])
            for key, array in action.items():
                assert np.array_equal(episode.actions[key][step], array[row])
        now, rewards, *_, info = envs.step(action)
        assert [episode.rewards[step] for episode in played] == pytest.approx(rewards.tolist())
    for row, episode in enumerate(played):
        assert episode.truncations.tolist() == [False] * (HORIZON - 1) + [True]
        assert not episode.terminations.any()
        for key, array in info["final_obs"][row].items():
            assert np.array_equal(episode.observations[key][HORIZON], array)


def test_imported_steps_become_labels(exported, tmp_path):
    observations, actions = labelled(load(NAME))
    assert len(observations["requests"]) == len(actions["batch"]) == EPISODES * HORIZON
    report = clone(exported, tmp_path / "run", dataset=NAME)
    assert report[0]["labels"] == EPISODES * HORIZON + 2 * 3
