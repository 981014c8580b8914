"""Slices: the same gates on parts of a batch, by annotator, tag or any other attribute of an image."""
