"""`fer-studio`: the laboratory in a browser, a view on run folders that starts the other commands."""
