"""`fer-data doctor`: what a bug report needs, and what is wrong with an installation or a run."""
