"""Exports: what other programs are given of a run."""
