"""Evidence of a judgement: a file that holds what the verdicts follow from, and how to check it."""
