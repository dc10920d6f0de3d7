"""Decoding: observation -> problem arrays, and problem solution -> action. Used by experts, codecs and policies."""
