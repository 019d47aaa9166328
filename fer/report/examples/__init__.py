"""Faces: those of the pairs confused most, and a sheet of what the model learned from."""
