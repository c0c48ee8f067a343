"""Speed against peers, each ratio measured side by side in one run: ``python -m benchmarks``."""
