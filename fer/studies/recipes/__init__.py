"""`fer-study`: what augmentation, and what more faces, do to the results of several seeds."""
