"""What a conversion leaves of the gold: the ceiling of a threshold, the annotator's share of a miss."""
