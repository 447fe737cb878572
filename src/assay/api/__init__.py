"""The HTTP door: it translates and decides nothing."""
