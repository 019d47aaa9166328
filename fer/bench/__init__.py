"""`fer-bench`: speed and time to accuracy, each beside what one would compare it with, in one run."""
