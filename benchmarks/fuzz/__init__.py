"""Fuzz campaigns: malformed input of every kind, each of which must raise the documented error or work as documented."""
