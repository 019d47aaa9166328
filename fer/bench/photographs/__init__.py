"""Photographs whose faces must be found first: this package and its peers in one table."""
