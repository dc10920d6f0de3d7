"""Names that a configuration may use, known without loading PyTorch."""

from typing import Final

ALGORITHMS: Final = {
    "ppo": True,
    "a2c": True,
    "maskable-ppo": True,
    "dqn": False,
    "sac": False,
    "td3": False,
}
"""Name -> whether it has a set-structured policy."""
MIXERS: Final = ("pool", "attention")
