"""Networks trained, pruned, shared and stored by `eie train`: their ledgers as a page."""
