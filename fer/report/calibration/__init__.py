"""Whether confidences are calibrated, and when a model should abstain."""
