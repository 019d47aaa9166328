"""A run's answers on every test set, and everything counted on them."""
