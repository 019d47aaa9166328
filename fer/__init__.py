"""Facial-emotion recognition: train, compare, explain and ship models with numbers one can trust."""
