"""Solve: the numbers of a price book with which a recorded log comes to what somebody wants."""
