"""Any data set of class folders, with or without split folders."""
