"""What models observe: readers that turn the environment's dictionary observations into vectors or token sets.

| reader | a model observes |
|---|---|
| `vector` | all keys in one vector, with every feature brought to a useful range (`edge_llm_gym.features.scales`) |
| `tokens` | sets of requests, nodes and pairs (`edge_llm_gym.features.tokens`) |

Readers act on batches of rows, and need neither PyTorch nor Stable-Baselines3.
"""

from edge_llm_gym.features.readers import READERS, BlindReader, Reader, TokenReader, make_reader
from edge_llm_gym.features.vectors import FlatVector, ScaledVector

__all__ = ["READERS", "BlindReader", "FlatVector", "Reader", "ScaledVector", "TokenReader", "make_reader"]
