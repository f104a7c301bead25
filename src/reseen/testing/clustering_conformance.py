"""What every clustering must do, as a pytest class that a clustering's own tests can inherit.

    from reseen.testing import ClusteringConformance, conformance_crowd

    class TestMutualNeighbors(ClusteringConformance):
        name = "mutual-neighbors"
        settings = {"count": 6}

The methods, `reseen cluster` and the planner rest on these properties. Needs pytest, which is not installed with
reseen.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from reseen.cluster.clusterings import CLUSTERINGS, AbstractClustering, ClusteringContext
from reseen.config import merge
from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.records import NOISE, Features
from reseen.runs.recipe import Recipe
from reseen.tasks.clustering.cluster import cluster_crops
from reseen.tasks.clustering.cluster_settings import VectorClusterSettings
from reseen.tasks.clustering.cluster_vectors import cluster_vectors
from reseen.testing.conformance import TINY
from reseen.training.train import train

_PEOPLE, _CROPS = 12, 10
"""People, and crops of each, that are easily told apart."""


class ClusteringConformance:
    """Tests of one registered clustering; set `name` in a subclass whose name begins with `Test`."""

    name: ClassVar[str]
    """The name under which the clustering is registered."""

    settings: ClassVar[Mapping[str, Any]] = {}
    """Settings under which it finds 12 people of 10 crops each, whose features are easily told apart."""

    crowd_settings: ClassVar[Mapping[str, Any]] = {}
    """Settings under which it finds two clusters or more of 72 drawn crops, by an untrained encoder."""

    @property
    def clustering(self) -> AbstractClustering:
        """The clustering under test."""
        kind = CLUSTERINGS.find(self.name)
        assert kind is not None, f"no clustering '{self.name}' is registered"
        return kind.parse({"name": self.name, **self.settings}, self.name)

    @pytest.fixture
    def people(self) -> tuple[Features, np.ndarray]:
        """Features of people, and who each row shows."""
        generator = torch.Generator().manual_seed(0)
        who = torch.arange(_PEOPLE).repeat(_CROPS)
        noise = 0.05 * torch.randn(len(who), 32, generator=generator)
        return Features(unit(torch.eye(_PEOPLE, 32)[who] + noise)), who.numpy()

    def test_it_finds_people_who_are_easily_told_apart(self, people: tuple[Features, np.ndarray]) -> None:
        """One label per row, and most crops of a person in one cluster of their own."""
        features, who = people
        labels = self.clustering.cluster(features).labels
        assert len(labels) == len(features)
        assert adjusted_rand_score(who, labels.labels) > 0.9

    def test_it_gives_the_same_twice_and_changes_nothing(self, people: tuple[Features, np.ndarray]) -> None:
        """The same features give the same labels, and stay as they are."""
        features, _ = people
        before = features.vectors.clone()
        first, second = (self.clustering.cluster(features).labels.labels for _ in range(2))
        assert np.array_equal(first, second)
        assert torch.equal(features.vectors, before)

    def test_the_order_of_the_rows_does_not_matter(self, people: tuple[Features, np.ndarray]) -> None:
        """Rows in another order have the same clusters."""
        features, _ = people
        order = torch.randperm(len(features), generator=torch.Generator().manual_seed(1))
        plain = self.clustering.cluster(features).labels.labels
        moved = self.clustering.cluster(Features(features.vectors[order])).labels.labels
        assert adjusted_rand_score(plain[order.numpy()], moved) > 0.95

    def test_outliers_are_declared(self, people: tuple[Features, np.ndarray]) -> None:
        """Only a clustering that says so (`finds_outliers`) leaves crops in no cluster."""
        labels = self.clustering.cluster(people[0]).labels.labels
        assert self.clustering.finds_outliers or not np.any(labels == NOISE)

    def test_tracklets_are_kept_together_where_they_are_taken(
        self, people: tuple[Features, np.ndarray]
    ) -> None:
        """A clustering that takes tracklets (`takes_tracklets`) puts the crops of one into one cluster."""
        features, _ = people
        tracklets = np.arange(len(features)) // 5  # of five people each
        context = ClusteringContext(tracklets=tracklets)
        labels = self.clustering.cluster(features, context).labels.labels
        together = all(len(set(labels[tracklets == one].tolist())) == 1 for one in np.unique(tracklets))
        assert together or not self.clustering.takes_tracklets

    def test_every_step_of_strictness_clusters(self, people: tuple[Features, np.ndarray]) -> None:
        """Each step up to `stricter_steps` gives a clustering."""
        features, _ = people
        for step in range(self.clustering.stricter_steps + 1):
            found = self.clustering.cluster(features, ClusteringContext(strictness=step))
            assert found.labels.cluster_count >= 2

    def test_it_has_defaults_and_a_recipe_keeps_its_settings(self) -> None:
        """Settings survive writing a recipe and reading it; a setting that does not exist is refused."""
        own = {"name": self.name, **self.settings}
        recipe = Recipe.parse({"method": {"clustering": own}}, "recipe")
        assert recipe.method.round_clustering == self.clustering
        assert Recipe.parse(recipe.model_dump(), "recipe") == recipe
        assert type(self.clustering).model_validate({}).name == self.name
        with pytest.raises(SettingsError, match="no setting 'no_such_setting'"):
            Recipe.parse({"method": {"clustering": {**own, "no_such_setting": 1}}}, "recipe")

    def test_a_method_trains_with_it_and_crops_are_clustered(
        self, conformance_crowd: Path, tmp_path: Path
    ) -> None:
        """`cluster-contrast` trains a round by it, and `cluster_crops` clusters by the run's own settings."""
        clustering = {"name": self.name, **self.settings, **self.crowd_settings}
        method = {
            "clustering": clustering,
            "sampler": {"clusters_per_batch": 4, "images_per_cluster": 4},
            "smallest_cluster": 1,
        }
        if self.clustering.finds_outliers:
            del method["smallest_cluster"]
        rounds = {"method": method, "train": {"rounds": 1, "iterations": 1}}
        run = train(
            Recipe.parse(merge(dict(TINY), rounds), self.name),
            conformance_crowd,
            tmp_path / "run",
            quiet=True,
        )
        assert run.log[0]["clusters"] >= 2
        made = cluster_crops(run, conformance_crowd, tmp_path / "clusters.csv", method=self.name, quiet=True)
        assert len(made.labels) == len(made.table)
        assert made.page.is_file()

    def test_vectors_on_disk_have_a_label_each_or_an_error(
        self, people: tuple[Features, np.ndarray], tmp_path: Path
    ) -> None:
        """`reseen cluster` without crops clusters by it, or says in one line that it cannot."""
        features, who = people
        file = tmp_path / "vectors.npy"
        np.save(file, features.numpy)
        try:
            self.clustering.check_out_of_core()
        except ValueError:
            with pytest.raises(SettingsError, match=r"\A.*\Z"):  # one line
                VectorClusterSettings.parse({"clustering": self.clustering}, self.name)
            return
        settings = VectorClusterSettings.parse({"clustering": self.clustering}, self.name)
        made = cluster_vectors(file, tmp_path / "clusters.csv", settings=settings, quiet=True)
        assert len(made.labels) == len(features)
        assert adjusted_rand_score(who, made.labels.labels) > 0.9
        assert self.clustering.out_of_core_bytes(1_000, 32, 1) > 0
