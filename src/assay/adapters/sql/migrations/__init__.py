"""Alembic scripts, run by `engine.py`."""
