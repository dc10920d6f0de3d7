"""Decoding: observations to problem arrays, and solutions of problems to actions."""
