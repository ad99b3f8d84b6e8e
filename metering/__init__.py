"""Metering: the append-only log of facts, and the usage measured from it."""
