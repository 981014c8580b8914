"""The commands for FiftyOne, one module each."""
