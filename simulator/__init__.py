"""Simulator: agents that live a scenario, and the command line that runs and replays it."""
