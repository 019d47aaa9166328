"""Configuration: files, composition, schema, and the objects that it names."""
