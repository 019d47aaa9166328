"""Heat maps: where in a face a net found the evidence for a class, and how far such maps can be trusted."""
