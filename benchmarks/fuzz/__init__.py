"""Fuzz campaigns: malformed input, each of which must raise the documented error or work as documented."""
