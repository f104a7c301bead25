"""How long tests wait. A limit ends what hangs; no test fails for being slow, so every limit is far away.

The heaviest test starts four processes and has taken 18 minutes on two cores with a load of 30; it waits twice as long.
"""

HANG_SECONDS = 1200.0
"""For what takes seconds on an idle machine. pytest-timeout, in pyproject.toml, comes after it."""
HANG_MILLISECONDS = 1000 * HANG_SECONDS
"""The same for the browser."""
