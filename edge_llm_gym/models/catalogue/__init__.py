"""The shipped catalogues of hardware, models and quantisation methods, and the schema of their rows.

A scenario takes a name of these catalogues, or a row of its own in the same form.
"""

from edge_llm_gym.models.catalogue.lazy import LazyMapping
from edge_llm_gym.models.catalogue.schema import (
    CatalogueRow,
    HardwareSection,
    ModelSection,
    QuantizationSection,
    ShippedModel,
)
from edge_llm_gym.models.catalogue.shipped import (
    hardware_rows,
    model_rows,
    quantization_rows,
)

__all__ = [
    "CatalogueRow",
    "HardwareSection",
    "LazyMapping",
    "ModelSection",
    "QuantizationSection",
    "ShippedModel",
    "hardware_rows",
    "model_rows",
    "quantization_rows",
]
