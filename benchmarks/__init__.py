"""Measurements, each a program of its own that prints what it measured; ratios within one run."""
