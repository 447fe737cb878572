"""Pure mathematics over numpy arrays: metrics with intervals, calibration error, sketches. No I/O, no model library."""
