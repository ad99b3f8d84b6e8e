"""Tests of the report: the page as text, and as a browser shows it."""
