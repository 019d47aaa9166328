"""The page of fer-study: recipes with several seeds each, and what they say together."""
