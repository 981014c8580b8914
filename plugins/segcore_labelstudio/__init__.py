"""Label Studio as a source and a sink (being built)."""
