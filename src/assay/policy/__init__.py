"""From raw scores to a decision: calibration, thresholds, costs, review band. Pure; knows no model and no door."""
