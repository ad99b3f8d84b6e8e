"""Tests of billing, one file a concept."""
