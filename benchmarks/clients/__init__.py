"""Runs recipes of outside clients (learning libraries, recorders, checkers), each in an environment of its own.

They are not tests of pytest: each client needs versions that exclude those of others, and the network to install them.
"""
