"""Verbs: what the command line can do, its words and its help; a module adds its verbs as it is imported."""

from simulator.verbs import company, documents, lab, prices
from simulator.verbs.app import app

__all__ = ["app", "company", "documents", "lab", "prices"]
