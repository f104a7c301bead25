"""The registry of clusterings, which other packages can extend."""

from reseen.cluster.clusterings.base import AbstractClustering as AbstractClustering
from reseen.cluster.clusterings.base import AnyClustering as AnyClustering
from reseen.cluster.clusterings.base import ClusteringContext as ClusteringContext
from reseen.cluster.clusterings.dbscan import DbscanClustering as DbscanClustering
from reseen.cluster.clusterings.hdbscan import HdbscanClustering as HdbscanClustering
from reseen.cluster.clusterings.hierarchy import HierarchicalClustering as HierarchicalClustering
from reseen.registry import Registry


def _find_fault(name: str, row: object) -> str:
    """What is wrong with a registered entry, as part of an error message; empty if it is valid."""
    if not (isinstance(row, type) and issubclass(row, AbstractClustering)):
        return "is not a subclass of AbstractClustering"
    if row.__abstractmethods__:
        return f"does not implement {', '.join(sorted(row.__abstractmethods__))}"
    default = row.model_fields["name"].default
    if default != name:
        return f"has the name {default!r}; give `name` the default {name!r}"
    required = [key for key, field in row.model_fields.items() if field.is_required()]
    return f"has no default for {', '.join(required)}" if required else ""


CLUSTERINGS: Registry[type[AbstractClustering]] = Registry(
    "reseen.clusterings",
    "clustering",
    {
        "dbscan": DbscanClustering,
        "hdbscan": HdbscanClustering,
        "hierarchy": HierarchicalClustering,
    },
    _find_fault,
)
"""Every clustering by name. A built-in clustering is one file and one line here. Another package registers its
clustering as an entry point of the group `reseen.clusterings`."""
