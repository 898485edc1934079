"""Deep Compression: its page, and the comparison of compressed weights."""
