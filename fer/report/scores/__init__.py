"""A run's predictions on every test set, and everything counted on them."""
