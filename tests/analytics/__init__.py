"""Tests of analytics: metrics against cases worked by hand and against a slow second reckoning."""
