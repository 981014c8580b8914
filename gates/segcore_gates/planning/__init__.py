"""How much gold a decision takes, and what a sampling plan lets through."""
