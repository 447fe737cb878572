"""Compares now with then: the reference profile of a release; later windows and drift."""
