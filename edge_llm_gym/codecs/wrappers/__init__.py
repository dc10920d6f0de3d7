"""Wrappers that give learning libraries the actions and observations they can take.

| wrapper | provides | for |
|---|---|---|
| `CodecWrapper` | flat actions through a codec | the algorithms that the codec serves (`edge_llm_gym.codecs`) |
| `SequentialWrapper` | one discrete choice per step | DQN, MaskablePPO |
| `CodecVectorWrapper` | the same for all rows of a vector environment | native rows |
| `FlatObservation` | one observation vector | policies without dictionary observations |

`EncodedPolicy` lets an expert act through a codec. The order from the inside out is environment, codec or sequence,
flat observation; Gymnasium's own wrappers go around these.
"""

from edge_llm_gym.codecs.wrappers.encoded_policy import EncodedPolicy
from edge_llm_gym.codecs.wrappers.flat_action import CodecWrapper
from edge_llm_gym.codecs.wrappers.flat_observation import FlatObservation
from edge_llm_gym.codecs.wrappers.sequential import SequentialWrapper
from edge_llm_gym.lazy import lazy_names

__all__ = ["CodecVectorWrapper", "CodecWrapper", "EncodedPolicy", "FlatObservation", "SequentialWrapper"]

# On first use, so that single environments also run with Gymnasium 0.29, whose vector environments are others.
__getattr__ = lazy_names(__name__, {"CodecVectorWrapper": "edge_llm_gym.codecs.wrappers.vector_flat_action"})
