"""Several sources as one data set."""
