"""Mutation testing of the simulator and the solvers with Cosmic Ray: which small changes do the tests not notice?"""
