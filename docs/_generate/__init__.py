"""Generators of the documentation's derived parts: tables of spaces, info, scenario keys, commands and API pages."""
