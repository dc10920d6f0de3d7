"""The table of pictures: every dynamics has an entry, and every entry point names a function."""

import pytest

from edge_llm_gym.env.checks import RENDER_MODES
from edge_llm_gym.rendering.pictures import PICTURES, loaded
from edge_llm_gym.sim.dynamics import DYNAMICS


def test_every_dynamics_has_pictures_of_every_mode():
    assert set(PICTURES) == set(DYNAMICS)
    assert all(set(pictures.painters) == set(RENDER_MODES) for pictures in PICTURES.values())


@pytest.mark.parametrize("dynamics", PICTURES)
def test_entry_points_name_functions(dynamics):
    pictures = PICTURES[dynamics]
    for entry_point in (pictures.view, *pictures.painters.values(), pictures.timeline, pictures.tables):
        assert callable(loaded(entry_point)), entry_point
