"""Rows of results files as tables and pictures."""
