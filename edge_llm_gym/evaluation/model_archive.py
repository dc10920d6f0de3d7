"""Models that Stable-Baselines3 saved, as policies of `compare`: the path of an archive and the name of a codec."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium

from edge_llm_gym.experts import Policy


@dataclass(frozen=True)
class ModelArchive:
    """The file that `model.save` wrote, for models of Stable-Baselines3, sb3-contrib and SBX.

    Such a file holds pickles, which can run code: name only files that you trust. Archives of the training runs of this
    project need no codec and are read without pickles; give `compare` their paths.

    Attributes:
        path: of the file.
        codec: that of the training, "sequential" for a model of a "Sequential" id.
        settings: those of the codec.

    Raises ValueError for a missing file.
    """

    path: str
    codec: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not Path(self.path).is_file():
            raise ValueError(f"there is no archive at {self.path!r}; model.save(path) of Stable-Baselines3 writes one")

    @property
    def name(self) -> str:
        """The path."""
        return self.path

    def __call__(self, env: gymnasium.Env) -> Policy:
        """The policy for an environment. Raises ConfigError for a file that cannot be loaded or does not fit."""
        # Local, since it loads PyTorch, which only these files need.
        from edge_llm_gym.sb3 import load_model

        return load_model(self.path, env, self.codec, **self.settings)
