"""`fer-sweep`: a search over the configuration space of a model, trial by trial."""
