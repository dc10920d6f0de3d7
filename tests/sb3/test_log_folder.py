"""Models that tests train log below pytest's folder."""

import tempfile
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is an extra")


def test_a_model_without_a_logger_of_its_own_makes_no_folder_elsewhere(log_folder):
    from stable_baselines3.common.utils import configure_logger

    before = set(Path(tempfile.gettempdir()).glob("SB3-*"))
    assert configure_logger().get_dir() == str(log_folder)
    assert set(Path(tempfile.gettempdir()).glob("SB3-*")) == before
