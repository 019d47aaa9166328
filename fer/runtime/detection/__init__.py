"""Finding faces: one detector a file, chosen by name."""
