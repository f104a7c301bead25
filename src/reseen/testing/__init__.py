"""Tests that a package with its own method, clustering, reader or store can run: see `reseen.testing.conformance`."""

from reseen.testing.conformance import MethodConformance as MethodConformance
from reseen.testing.conformance import conformance_crowd as conformance_crowd
