"""Imitation continues after its last finished round, with the result of an uninterrupted run."""

import shutil

import numpy as np
import pytest
import torch as th

from agents.imitation.command import clone
from agents.imitation.fitting import Fit
from agents.training import train
from edge_llm_gym.settings import ConfigError

IMITATION = {"expert": "edf", "rounds": 3, "rows": 2, "epochs_per_round": 4, "passes": 1, "batch_size": 4}
pytestmark = pytest.mark.filterwarnings("ignore:.*holds pickles")


class Killed(BaseException):
    """Ends a run within a round."""


def killed_in_fit(monkeypatch, number: int, work) -> None:
    """Runs `work` and ends it in the fit of a round, after the weights have changed."""
    calls, fit = [], Fit.__call__

    def killing(self, *arguments):
        loss = fit(self, *arguments)
        calls.append(loss)
        if len(calls) == number:
            raise Killed
        return loss

    with monkeypatch.context() as patched:
        patched.setattr(Fit, "__call__", killing)
        with pytest.raises(Killed):
            work()


def weights(folder):
    import zipfile

    with zipfile.ZipFile(folder / "model.zip") as archive, archive.open("policy.pth") as file:
        return th.load(file, weights_only=True)


def same(one, other) -> bool:
    return all(th.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("number", [1, 3])
def test_a_resumed_imitation_equals_the_uninterrupted_one(tiny, tmp_path, monkeypatch, number):
    config = tiny(imitation=IMITATION)
    expected = clone(config, tmp_path / "whole")
    killed_in_fit(monkeypatch, number, lambda: clone(config, tmp_path / "cut"))
    np.random.seed(5)  # noqa: NPY002 - the state of this process is not that of the killed one
    th.manual_seed(5)
    assert clone(config, tmp_path / "cut", start="resume") == expected
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    texts = [(tmp_path / name / "imitation.json").read_text() for name in ("whole", "cut")]
    assert texts[0] == texts[1]


def test_finished_rounds_are_not_repeated_and_more_can_follow(tiny, tmp_path, monkeypatch):
    expected = clone(tiny(imitation=IMITATION), tmp_path / "whole")
    clone(tiny(imitation=IMITATION | {"rounds": 2}), tmp_path / "run")
    fits, fit = [], Fit.__call__
    monkeypatch.setattr(Fit, "__call__", lambda self, *arguments: fits.append(1) or fit(self, *arguments))
    assert clone(tiny(imitation=IMITATION), tmp_path / "run", start="resume") == expected
    assert len(fits) == 1
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_a_training_run_that_was_killed_in_its_imitation_resumes(tiny, tmp_path, monkeypatch):
    config = tiny(imitation=IMITATION, steps=12)
    whole = train(config, tmp_path / "whole")
    killed_in_fit(monkeypatch, 2, lambda: train(config, tmp_path / "cut"))
    with pytest.raises(ConfigError, match="already holds a run"):
        train(config, tmp_path / "cut")
    resumed = train(config, tmp_path / "cut", start="resume")
    assert same(whole.policy.state_dict(), resumed.policy.state_dict())
    assert not (tmp_path / "cut" / "imitation").exists()


def test_rounds_of_other_settings_and_damaged_ones_are_refused(tiny, tmp_path):
    run, folder = tmp_path / "run", tmp_path / "run" / "imitation"
    clone(tiny(imitation=IMITATION), run)
    with pytest.raises(ConfigError, match="belongs to imitation"):
        clone(tiny(imitation=IMITATION | {"expert": "sjf"}), run, start="resume")
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(kept) == ["labels-001.npz", "labels-002.npz", "labels-003.npz", "state.pt"]
    shutil.copy(folder / "labels-001.npz", folder / "labels-002.npz")
    with pytest.raises(ConfigError, match=r"labels-002.npz holds labels of round 1.*--overwrite"):
        clone(tiny(imitation=IMITATION), run, start="resume")
    for name in ("labels-002.npz", "state.pt"):
        for part, path in kept.items():
            (folder / part).write_bytes(path)
        (folder / name).write_bytes(kept[name][:100])
        with pytest.raises(ConfigError, match=r"cannot be read.*--overwrite"):
            clone(tiny(imitation=IMITATION), run, start="resume")
    clone(tiny(imitation=IMITATION | {"rounds": 1}), run, start="overwrite")
    assert sorted(path.name for path in folder.iterdir()) == ["labels-001.npz", "state.pt"]
