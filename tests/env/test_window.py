"""The render mode "human": a window of pygame, refused at construction where pygame is missing."""

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401 - registers the ids
from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.rendering import window

SHORT = {"overrides": {"horizon_epochs": 3}}


def make(**settings):
    return gymnasium.make("EdgeLLM/SingleNode-v0", render_mode="human", **SHORT, **settings)


@pytest.fixture
def frames(monkeypatch):
    """The frames that a stand-in for pygame shows."""
    shown = []
    display = SimpleNamespace(
        init=lambda: None,
        set_caption=lambda title: None,
        set_mode=lambda size: SimpleNamespace(blit=lambda image, place: shown.append((size, image))),
        flip=lambda: None,
        quit=lambda: shown.append("closed"),
    )
    pygame = ModuleType("pygame")
    pygame.__spec__ = ModuleSpec("pygame", None)
    pygame.display, pygame.event = display, SimpleNamespace(pump=lambda: None)
    pygame.surfarray = SimpleNamespace(make_surface=np.copy)
    pygame.time = SimpleNamespace(Clock=lambda: SimpleNamespace(tick=lambda rate: None))
    monkeypatch.setitem(sys.modules, "pygame", pygame)
    return shown


def test_without_pygame_construction_is_refused_and_other_modes_work(monkeypatch):
    monkeypatch.setattr(window, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs pygame: pip install 'edge-llm-gym\[viewer\]'; 'rgb_array' returns"):
        make()
    env = EdgeLLMEnv("single-node")
    assert env.metadata["render_modes"] == ["ansi", "rgb_array"]
    assert EdgeLLMEnv.metadata["render_modes"] == ["ansi", "rgb_array", "human"]


def test_reset_and_every_step_show_a_frame(frames):
    env = make()
    env.reset(seed=0)
    assert len(frames) == 1
    env.step(env.action_space.sample())
    assert env.render() is None
    (size, first), (_, second) = frames
    picture = EdgeLLMEnv("single-node", SHORT["overrides"], "rgb_array")
    picture.reset(seed=0)
    np.testing.assert_array_equal(first.swapaxes(0, 1), picture.render())
    assert size == first.shape[:2]
    assert not np.array_equal(first, second)
    env.close()
    assert frames[-1] == "closed"


def test_vector_environments_have_no_window(frames):
    with pytest.raises(ValueError, match="unknown render mode 'human'"):
        gymnasium.make_vec("EdgeLLM/SingleNode-v0", 2, vectorization_mode="vector_entry_point", render_mode="human")


@pytest.mark.skipif(find_spec("pygame") is None, reason="pygame is not installed")
def test_a_window_of_pygame_shows_the_frame(monkeypatch):
    monkeypatch.setitem(os.environ, "SDL_VIDEODRIVER", "dummy")
    shown = window.Window("title", 1000.0)
    frame = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    shown.show(frame)
    np.testing.assert_array_equal(shown._pygame.surfarray.array3d(shown._surface).swapaxes(0, 1), frame)
    shown.close()
