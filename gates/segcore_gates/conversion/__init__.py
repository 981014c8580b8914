"""What a conversion leaves of the gold: the ceiling of every threshold, and the annotator's share of a miss."""
