"""Calibration: scenarios over many seeds, beside what their documents expect.

`python -m tests.calibration dbgpt --seeds 20` lives each scenario of a company (its own, and its market's)
with twenty seeds, and writes medians, tenth and ninetieth percentiles into docs/calibration.md.
"""
