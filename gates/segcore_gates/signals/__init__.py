"""Integrity signals as checks of a policy: they warn, and never reject a batch."""
