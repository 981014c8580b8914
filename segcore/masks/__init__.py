"""Masks: how they are read, and what their values mean."""
