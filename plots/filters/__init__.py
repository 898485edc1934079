"""Convolutions with filters of even size beside odd ones."""
