"""One model on other data sets."""
