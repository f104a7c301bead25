"""When hierarchical clustering has raw vectors to work on."""

from collections.abc import Mapping

from reseen.cluster.hierarchy import HierarchySettings
from reseen.conditions import When


def raw_vectors(hierarchy: HierarchySettings) -> Mapping[str, When]:
    """The condition of `method.hierarchy.feature`, by its path in a recipe.

    `raw` takes vectors as they are, and an encoder's are of length 1 unless `model.feature` is `raw`, too. Under stop
    `auto` the halves of a vector are as well, whose lengths differ.
    """
    if hierarchy.feature == "sphere" or hierarchy.stop == "auto":
        return {}
    return {"method.hierarchy.feature": When({"model.feature": "raw"})}
