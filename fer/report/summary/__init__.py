"""The answer in a line each, on top of the page and in `summary.json`."""
