"""What it takes until work begins: Python and the libraries."""

import subprocess
import sys
import time
from functools import cache

from reseen.plan.estimate import Stage


@cache
def starting_stage(*modules: str) -> Stage:
    """Time another Python that loads `modules` and ends; once per process, as it takes some seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)
    return Stage("starting", time.perf_counter() - began)
