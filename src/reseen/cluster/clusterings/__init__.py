"""The clusterings, in a table that other packages can add to."""

from reseen.cluster.clusterings.base import AbstractClustering as AbstractClustering
from reseen.cluster.clusterings.base import AnyClustering as AnyClustering
from reseen.cluster.clusterings.base import ClusteringContext as ClusteringContext
from reseen.cluster.clusterings.dbscan import DbscanClustering as DbscanClustering
from reseen.cluster.clusterings.hdbscan import HdbscanClustering as HdbscanClustering
from reseen.cluster.clusterings.hierarchy import HierarchicalClustering as HierarchicalClustering
from reseen.registry import Registry


def _missing(name: str, row: object) -> str:
    """What a row lacks, for a message; empty where it is complete."""
    if not (isinstance(row, type) and issubclass(row, AbstractClustering)):
        return "is no class derived from AbstractClustering"
    if row.__abstractmethods__:
        return f"does not implement {', '.join(sorted(row.__abstractmethods__))}"
    default = row.model_fields["name"].default
    if default != name:
        return f"has the name {default!r}; give `name` the default {name!r}"
    lacking = [key for key, field in row.model_fields.items() if field.is_required()]
    return f"has no default for {', '.join(lacking)}" if lacking else ""


CLUSTERINGS: Registry[type[AbstractClustering]] = Registry(
    "reseen.clusterings",
    "clustering",
    {
        "dbscan": DbscanClustering,
        "hdbscan": HdbscanClustering,
        "hierarchy": HierarchicalClustering,
    },
    _missing,
)
"""Every clustering by name. A clustering of the package is one file and one line here; one of another package is an
entry point of the group `reseen.clusterings`."""
