"""How the scores differ between groups of faces."""
