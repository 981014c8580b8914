"""The judge: policy files, verdicts, reports and the pytest plugin."""
