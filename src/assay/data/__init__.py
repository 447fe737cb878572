"""A labelled table from a file: read, audit, split, checksum."""
