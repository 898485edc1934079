"""Many results files of many machines: read side by side, parts put together, equal machines compared."""
