"""Agents: one file for each kind of actor in a scenario."""
