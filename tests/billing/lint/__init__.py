"""Tests of the linter of price books."""
