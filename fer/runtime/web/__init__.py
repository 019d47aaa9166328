"""`fer-serve`: a local web page and HTTP interface that reads expressions from a camera or from pictures."""
