"""Photographs for the program, which reads PPM."""
