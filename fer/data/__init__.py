"""Raw files of every source -> `FaceSamples` -> packed cache -> batches."""
