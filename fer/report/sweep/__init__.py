"""The page of a sweep: which trials there were, and what made the good ones good."""
