"""Tables, pictures and pages from the files of `eie`: python3 -m plots VERB. Measures nothing."""
