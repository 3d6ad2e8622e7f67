"""Gaia: the packaged real sample, a generator of Gaia-like stars, the science cases and their sky maps.

A leaf package: it imports nothing else of Almanac, so the same code runs in a notebook, in the demo and in the
benchmark suite.
"""
