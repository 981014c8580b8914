"""Measures: what turns a pair of image annotations into a tally."""
