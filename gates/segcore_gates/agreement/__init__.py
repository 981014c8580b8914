"""Agreement between annotators: a gate on it, and what people reach beside every threshold."""
