"""Versions, stages and deployments: names and finds a release, and says who serves."""
