"""Two results files, row by row."""
