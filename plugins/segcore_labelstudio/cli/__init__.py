"""The commands for Label Studio, one module each."""
