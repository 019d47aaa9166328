"""The runs, scored: which faces, which views of them, and every score."""
