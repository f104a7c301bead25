"""`python -m reseen`, which `torchrun -m reseen` needs."""

import sys

from reseen.cli import main

sys.exit(main())
