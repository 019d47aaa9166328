"""Whether confidences can be believed, and when a model should say that it is uncertain."""
