"""Comparing a batch with the last one that was accepted: the baseline, its file and the checks."""
