"""Notebooks of the documentation, run without Jupyter."""
