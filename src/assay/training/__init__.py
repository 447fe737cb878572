"""The train path, top to bottom: candidates, evaluation, gates."""
