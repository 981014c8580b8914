"""segcore beside other tools, as ratios measured in one run.  Start with ``python -m benchmarks``."""
