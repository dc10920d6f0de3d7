"""Fixtures of tiny runs."""

from tests.tiny_runs import tiny, tiny_env

__all__ = ["tiny", "tiny_env"]
