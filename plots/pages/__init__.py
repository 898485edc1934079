"""What a reader opens: the report, the poster, the page of a GPU, the last screen."""
