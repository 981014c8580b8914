"""The format lock: the form a delivery must have, written once and reviewed like code."""
