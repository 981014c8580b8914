"""FiftyOne as a source, and per-class metrics inside it (being built)."""
