"""How far the test labels can be trusted."""
