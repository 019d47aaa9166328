"""What every room stands on: errors, labels, files, words, processes."""
