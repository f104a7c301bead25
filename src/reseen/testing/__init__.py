"""Tests that a package with its own method, clustering, reader or store can run: pytest classes to inherit."""

from reseen.testing.clustering_conformance import ClusteringConformance as ClusteringConformance
from reseen.testing.conformance import MethodConformance as MethodConformance
from reseen.testing.conformance import conformance_crowd as conformance_crowd
from reseen.testing.reader_conformance import ReaderConformance as ReaderConformance
from reseen.testing.store_conformance import StoreConformance as StoreConformance
