"""Faults injected into reseen: mutated files, kills, full disks; `benchmarks/faults.py` and `tests/faults` use them."""
