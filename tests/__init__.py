"""Tests: they mirror the packages, one file a concept."""
