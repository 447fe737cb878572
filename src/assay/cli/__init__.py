"""The terminal door: it translates and decides nothing."""
