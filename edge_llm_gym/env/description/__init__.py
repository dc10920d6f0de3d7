"""Tables of what an environment observes, takes and reports: names, shapes, dtypes, units, ranges and meanings."""

from edge_llm_gym.env.description.describe import describe
from edge_llm_gym.env.description.tables import Description, Entry, EntryTable

__all__ = ["Description", "Entry", "EntryTable", "describe"]
