"""Models fitted elsewhere become releases: opened offline, converted exactly or refused, compared on every row."""
