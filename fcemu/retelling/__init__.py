"""Writes a test that lets happen again what happened to an invocation: `story.py` the test, `expressions.py` values."""
