"""Imported once by the process that others are forked from, so that each of them starts at once."""

import reseen.cli.cluster
import reseen.cli.embed
import reseen.cli.evaluate
import reseen.cli.index
import reseen.cli.train
import reseen.engine.cluster
import reseen.engine.demo
import reseen.engine.embed
import reseen.engine.report
import reseen.engine.train
import reseen.evaluate.detail_tables
import reseen.evaluate.scoring
import reseen.gallery.index
import reseen.gallery.stores.edge

__all__ = ["reseen"]
