"""RAF-DB: photographs from the web, labelled by about forty people each."""
