"""What all pages share: files, cells and tables, ratios, drift, references, the papers' numbers."""
