"""The model that comes with the package, its card and its hash."""
