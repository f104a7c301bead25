"""Imported once by the process that others are forked from, so that each of them starts at once."""

import reseen.cli.cluster
import reseen.cli.embed
import reseen.cli.evaluate
import reseen.cli.forget
import reseen.cli.index
import reseen.cli.train
import reseen.evaluate.scoring
import reseen.features.embed
import reseen.gallery.forget_page
import reseen.gallery.index
import reseen.gallery.stores.edge
import reseen.tasks.clustering.cluster
import reseen.tasks.demo
import reseen.tasks.evaluation.report
import reseen.tasks.evaluation.tables
import reseen.training.train

__all__ = ["reseen"]
