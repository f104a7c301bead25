"""Market-1501, whole and in small.

`market`: 12,936 training crops, 3,368 queries, gallery of 15,913 (junk dropped), 256 x 128.
`market-mini`: for a CPU. The first 150 training people by identity are the unlabelled pool; the first 150 query
people are scored against their gallery images and 500 distractors drawn with a fixed seed, at 128 x 64. Identities
choose which files take part, and are gone from the table that is trained on.
`market-hour`: all training crops, queries and gallery with the arms of `market-mini`, so long as an hour of two cores
allows: 128 x 64, 8 rounds x 100 batches x 128 crops.
`market-mini-validation`: the same pool, scored on the 150 training people after it, so that settings can be tuned
without a look at any test person: one query per person and camera, the other images and 500 of later people are
the gallery.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.people import identities_of
from benchmarks.protocols.protocol import Arm, Protocol, override

import reseen
from reseen import ImageTable, read_evaluation, read_training
from reseen.data.evaluation_table import EvaluationTable
from reseen.tasks.evaluation.score import Benchmark

_HERE = Path(__file__).parent
_RECIPES = Path(reseen.__file__).parent / "recipes"
_PEOPLE = 150
_DISTRACTORS = 500
_DISTRACTOR_SEED = 0

_ARMS = (
    Arm("no-training", "starting weights, neck settled on the unlabelled pool", ("--train.rounds", "0")),
    Arm("cluster-contrast", "the protocol's recipe"),
    Arm("no-cameras", "camera names removed", ("--cameras", "false")),
    Arm("norm-16", "norm groups of 16 images", ("--model.norm-group", "16")),
    Arm("norm-whole", "the whole batch as one norm group", ("--model.norm-group", "null")),
)
_HOUR = ("--train.rounds", "8", "--train.iterations", "100")
_REGULARIZER = ("--method.clustering.regularizer", "--method.clustering.weight")
_SHARED = ("--method.clustering.metric", "jaccard", "--method.clustering.share", "0.073")
_WHOLE_CROPS = ("--augmentation.erasing", "0")
_RAW = ("--model.feature", "raw", "--method.clustering.feature", "raw")
_NO_NECK = ("--model.neck", "none")


_PROXIES = ("--method.camera-contrast.proxy-weight", "0.5")
_ENTROPY = ("--method.camera-contrast.entropy-weights", "true")
_MASKED = ("--method.camera-contrast.mask-negatives", "true")
_NEIGHBORS = ("--method.neighbor-contrast.weight", "0.5")
_MOVING = (*_PROXIES, "--method.camera-contrast.proxy-momentum", "0.8")
_FLAGSHIP = (*_PROXIES, *_ENTROPY)
_CHOSEN = (
    *("--method.clustering.jaccard.k1", "auto", "--method.clustering.jaccard.k2", "auto"),
    *("--method.clustering.eps", "auto", "--method.clustering.min-samples", "auto"),
)
_CAMERA_ARMS = (
    Arm("proxies", "contrast with clusters under other cameras", _PROXIES),
    Arm("momentum-proxies", "the same, with centers that follow the features", _MOVING),
    Arm("entropy-weights", "clusters that join cameras weigh more", _ENTROPY),
    Arm("masked-negatives", "clusters of one camera push away no crops of others that lack it", _MASKED),
    Arm("proxies-entropy", "both proxies and entropy weights", _FLAGSHIP),
    Arm("flagship", "the settings of the recipe `flagship`", _FLAGSHIP),
    Arm("flagship-auto", "the same with clustering settings chosen from the crops", (*_FLAGSHIP, *_CHOSEN)),
    Arm(
        "flagship-330",
        "the same with precision auto and 330 steps, which take as long as 280 of float32 with AVX2",
        (*_FLAGSHIP, "--train.precision", "auto", "--train.iterations", "66"),
    ),
    Arm(
        "flagship-560",
        "the same with precision auto and 560 steps, which take no longer than 280 of float32",
        (*_FLAGSHIP, "--train.precision", "auto", "--train.iterations", "112"),
    ),
)
_REFINEMENT_ARMS = (
    Arm(
        "flagship-extension",
        "flagship, and samples moved towards the nearest other cluster stay in their own",
        (*_FLAGSHIP, "--method.implicit-extension.weight", "1"),
    ),
    Arm(
        "flagship-drop",
        "flagship, and crops whose cluster is disputed within their camera sit out",
        (*_FLAGSHIP, "--method.drop-disputed", "true"),
    ),
    Arm(
        "flagship-blend",
        "flagship, clustered by whole crops (0.7) and their halves (0.15 each)",
        (*_FLAGSHIP, "--method.part-blend.half-weight", "0.15"),
    ),
    Arm(
        "flagship-neighbors",
        "flagship, and a contrast with the nearest crops",
        (*_FLAGSHIP, *_NEIGHBORS),
    ),
    Arm(
        "flagship-soft",
        "flagship, and a fifth of each target goes to the clusters of the ten nearest crops",
        (*_FLAGSHIP, "--method.soft-targets.share", "0.2"),
    ),
)
"""What mends the labels of `flagship`, one by one."""
_VIEW_ARMS = tuple(
    Arm(
        f"views-{count}",
        f"the protocol's recipe, {count} augmented views of each crop kept behind the frozen stages",
        ("--train.kept-views", str(count)),
    )
    for count in (2, 4, 8, 16)
)


def _hierarchy_arms() -> tuple[Arm, ...]:
    """Features and regularizers of `sphere` and `progressive`, and the weight of the sums of squares."""
    arms = []
    for method, sse, size in (("sphere", "0.005", "0.003"), ("progressive", "0.01", "0.003")):
        recipe = _HERE / f"market-mini-{method}.yaml"
        for feature, flags in (("sphere", ()), ("raw", _RAW)):
            for regularizer, weight in (("sse", sse), ("none", ""), ("size", size)):
                arms.append(
                    Arm(
                        f"{method}-{feature}-{regularizer}",
                        f"{method}, {feature} features, regularizer {regularizer}",
                        (*flags, *_regularized(regularizer, weight)),
                        recipe,
                    )
                )
    arms.extend(_fair_arms())
    for weight in ("0.001", "0.002", "0.01", "0.02", "0.05"):
        text = f"sphere, weight {weight} of the sums of squares"
        arms.append(
            Arm(f"sphere-sse-{weight}", text, (_REGULARIZER[1], weight), _HERE / "market-mini-sphere.yaml")
        )
    dispersion = ("--method.clustering.linkage", "average", "--method.clustering.merge", "absorb")
    arms.append(
        Arm(
            "dbc",
            "progressive, average linkage, regularizer dispersion",
            (*dispersion, _REGULARIZER[0], "dispersion", _REGULARIZER[1], "0.1"),
            _HERE / "market-mini-progressive.yaml",
        )
    )
    arms.append(
        Arm(
            "progressive-zero",
            "progressive, rows of the lookup table start at zero",
            ("--method.rows-start", "zero"),
            _HERE / "market-mini-progressive.yaml",
        )
    )
    contrast = _HERE / "market-mini-sphere-contrast.yaml"
    arms.append(
        Arm("sphere-contrast", "hierarchical clusters under the loss of cluster contrast", (), contrast)
    )
    sure = ("--method.clustering.share", "0.0738", "--method.drop-doubtful", "true")
    arms.append(Arm("sphere-contrast-sure", "fewer clusters, and doubtful crops sit out", sure, contrast))
    for share in ("0.065", "0.075"):
        text = f"hierarchical clusters under contrast, share {share} merged per step"
        arms.append(
            Arm(f"sphere-contrast-share-{share}", text, ("--method.clustering.share", share), contrast)
        )
    text = "hierarchical clusters under contrast, as many as halves of the features agree on"
    arms.append(Arm("sphere-contrast-auto", text, ("--method.clustering.stop", "auto"), contrast))
    plain = ("--method.clustering.metric", "sqeuclidean")
    arms.append(Arm("sphere-contrast-plain", "the same by squared distances", plain, contrast))
    for regularizer, weight in (("none", ""), ("size", "0.003")):
        flags = _regularized(regularizer, weight)
        text = f"sphere contrast, regularizer {regularizer}"
        arms.append(Arm(f"sphere-contrast-{regularizer}", text, flags, contrast))
    renewed = ("--train.renew-statistics", "true")
    arms.append(Arm("cluster-contrast-renewed", "batch norms get the statistics of plain crops", renewed))
    arms.append(Arm("cluster-contrast-no-erasing", "no rectangle of a crop is erased", _WHOLE_CROPS))
    jitter = ("--augmentation.jitter", "{}")
    arms.append(Arm("cluster-contrast-jitter", "colors changed as `global-patch` changes them", jitter))
    arms.extend((*_mask_arms(), *_patch_arms()))
    return tuple(arms)


def _fair_arms() -> Iterator[Arm]:
    """Losses x features x regularizers of `sphere` under one protocol: 35,840 crops in batches of 64.

    Distances are squared, since those of shared neighbors are of unit vectors alone. The contrast divides cosines by a
    temperature, so it has no raw form. Without the neck, pooled features are what the paper's baselines cluster.
    """
    plain = ("--method.clustering.metric", "sqeuclidean", *_SHARED[2:])
    triplet = (
        *("--method.center-cameras", "true", "--method.smallest-cluster", "4", *plain),
        *("--train.mirrored-features", "true", "--train.iterations", "112"),
    )
    losses = {
        "triplet": ("the batch-hard triplet loss", triplet, "market-mini-sphere.yaml"),
        "soft": ("its soft margin", (*triplet, "--method.margin", "soft"), "market-mini-sphere.yaml"),
        "contrast": (
            "the contrast with centroids",
            ("--method.sampler.clusters-per-batch", "16", "--train.iterations", "112", *plain),
            "market-mini-sphere-contrast.yaml",
        ),
    }
    features = {"sphere": (), "raw": _RAW, "sphere-no-neck": _NO_NECK, "raw-no-neck": (*_RAW, *_NO_NECK)}
    for loss, (text, flags, recipe) in losses.items():
        for feature, its in features.items():
            if (loss == "contrast" and feature != "sphere") or (
                loss != "triplet" and feature not in ("sphere", "raw")
            ):
                continue
            for regularizer, weight in (("sse", "0.005"), ("none", ""), ("size", "0.003")):
                yield Arm(
                    f"fair-{loss}-{feature}-{regularizer}",
                    f"{text}, {feature} features, regularizer {regularizer}, one protocol for all",
                    (*flags, *its, *_regularized(regularizer, weight)),
                    _HERE / recipe,
                )


def _regularized(regularizer: str, weight: str) -> tuple[str, ...]:
    """Flags of a regularizer, and of its weight where there is one."""
    return (_REGULARIZER[0], regularizer, *((_REGULARIZER[1], weight) if weight else ()))


def _mask_arms() -> tuple[Arm, ...]:
    """The parts of `maskpre`, one by one, and its open choices."""
    recipe = _HERE / "market-mini-maskpre.yaml"
    off = ("--method.visual-weight", "0", "--method.temporal-weight", "0")
    frozen = ("--method.mask.place", "frozen", "--method.mask.block", "[3,5]")
    region = ("--method.region-weight", "0.2")
    choices = {
        "one-view": ("the whole map, clusters alone", ("--method.masked-views", "1", *off[2:])),
        "two-views": ("two masked views, clusters alone", off),
        "visual": ("and visual consistency", off[2:]),
        "temporal": ("two masked views and temporal consistency", off[:2]),
        "no-head": ("without the prediction head", ("--method.predictor-hidden", "0")),
        "random-head": ("the prediction head starts at random", ("--method.predictor-start", "random")),
        "slow-teacher": (
            "the teacher averages a sixth of the training",
            ("--method.teacher.momentum", "0.98"),
        ),
        "renewed": ("batch norms get the statistics of plain crops", ("--train.renew-statistics", "true")),
        "no-stop": ("targets follow the gradient", ("--method.stop-gradient", "false")),
        "strip": ("masks as wide as the map", ("--method.mask.kind", "strip")),
        "dropout": ("numbers dropped by themselves", ("--method.mask.kind", "dropout")),
        "frozen": ("masks on what frozen stages give", frozen),
        "region": ("all, and masked cells of the teacher's map are predicted", region),
        "region-frozen": (
            "masks on what frozen stages give, and masked cells of the teacher's map are predicted",
            (*frozen, *region),
        ),
        "region-alone": ("two masked views and the prediction of masked cells", (*off, *region)),
        "active": ("masks where the map responds", ("--method.mask.seeds", "active")),
        "fixed": ("the rate fixed from the start", ("--method.mask.ramp", "0")),
        "whole-teacher": ("the teacher sees whole maps", ("--method.teacher-mask", "none")),
        "teacher-clusters": ("the teacher's features are clustered", ("--method.cluster-with", "teacher")),
        "hierarchy": (
            "hierarchical clusters",
            (
                "--method.clustering.name",
                "hierarchy",
                "--method.clustering.jaccard.k1",
                "30",
                *_SHARED,
                "--method.smallest-cluster",
                "4",
            ),
        ),
        "no-erasing": ("no rectangle of a crop is erased", _WHOLE_CROPS),
    }
    arms = [
        Arm(f"maskpre-{name}", f"maskpre, {text}", flags, recipe) for name, (text, flags) in choices.items()
    ]
    return (Arm("maskpre", "mask prediction, all parts", (), recipe), *arms)


def _patch_arms() -> tuple[Arm, ...]:
    """Both branches of `global-patch`, their forms, and what is put in their place."""
    recipe = _HERE / "market-mini-global-patch.yaml"
    # without surrogate views, twice the crops a batch: as many pass the network
    one_view = ("--method.image-patches.weight", "0", "--method.sampler.clusters-per-batch", "128")
    no_patches = ("--method.discrimination.weight", "0", *one_view)
    no_global = ("--method.global-weight", "0")
    nearest = ("--method.discrimination.pull-to", "nearest")
    clusters = ("--method.branch", "clusters", "--method.sampler.images-per-cluster", "4")
    clusters += ("--method.clusters.memory.update", "hard", "--method.clusters.memory.momentum", "0.2")
    clusters += ("--method.sampler.clusters-per-batch", "16")
    cosine = ("--method.credible.source", "neighbors", "--method.credible.threshold", "0.35")
    cosine += ("--method.credible.count", "8")
    credible_clustering = "--method.credible-clustering"
    from_clusters = ("--method.credible.source", "clusters", f"{credible_clustering}.metric", "jaccard")
    from_clusters += (f"{credible_clustering}.share", "0.073")
    weights, stage = "--method.loss.weights", "--model.patches.stage"
    alone = {
        "": ("", ()),
        "-uniform": (", neighbors weigh alike", (weights, "uniform")),
        "-self": (", softened self-weight", (weights, "self")),
        "-summed": (", summed probability", ("--method.loss.kind", "summed")),
        "-regression": (", regression with hard negatives", ("--method.loss.kind", "regression")),
        "-instance": (", nobody credible but the crop", ("--method.warmup", "1")),
        "-light": (", all neighbors weigh as the crop", ("--method.loss.neighbor-weight", "1")),
        "-cosine": (", nearest by cosine credible", cosine),
        "-from-clusters": (", credible by hierarchical clusters", from_clusters),
    }
    choices = {
        f"global{name}": (f"the global branch alone{text}", (*no_patches, *flags))
        for name, (text, flags) in alone.items()
    }
    choices |= {
        "patch": ("patches alone", no_global),
        "patch-nearest": ("patches alone, pulled to what looks most like them", (*no_global, *nearest)),
        "discrimination": ("the patch-based loss alone", (*no_global, *one_view)),
        "image-patches": ("the image-level loss alone", (*no_global, *no_patches[:2])),
        "no-image-patches": ("without the image-level loss", one_view),
        "nearest": ("all, patches pulled to what looks most like them", nearest),
        "uniform": ("all, neighbors weigh alike", (weights, "uniform")),
        "learned": ("all, patches that learn where to look", ("--model.patches.generator", "learned")),
        "local": ("all, patches of stage 5", (stage, "5")),
        "local-patch": ("patches of stage 5 alone", (*no_global, stage, "5")),
        "local-4": ("all, patches of stage 4, the last frozen one", (stage, "4")),
        "local-learned": (
            "all, patches of stage 4, which learns",
            (stage, "4", "--model.frozen-stages", "3"),
        ),
        "1-patch": ("all, one patch", ("--model.patches.count", "1")),
        "3-patches": ("all, three patches", ("--model.patches.count", "3")),
        "8-patches": ("all, eight patches", ("--model.patches.count", "8")),
        "clusters": ("patches beside the loss of cluster contrast, pulled to their clusters", clusters),
        "clusters-nearest": (
            "patches beside the loss of cluster contrast, pulled to what looks most like them",
            (*clusters, *nearest),
        ),
        "clusters-one-view": (
            "the patch-based loss beside that of cluster contrast, as many crops a batch as there",
            (*clusters[:-2], "--method.sampler.clusters-per-batch", "32", *one_view[:2]),
        ),
        "from-clusters": ("credible by hierarchical clusters", from_clusters),
    }
    arms = [
        Arm(f"global-patch-{name}", f"global-patch, {text}", flags, recipe)
        for name, (text, flags) in choices.items()
    ]
    return (Arm("global-patch", "global and patch, all losses", (), recipe), *arms)


_MINI_ARMS = (
    *_ARMS,
    *_CAMERA_ARMS,
    *_REFINEMENT_ARMS,
    *_VIEW_ARMS,
    *(
        Arm(
            f"cluster-contrast-eps-{eps}",
            f"the protocol's recipe, eps {eps}",
            ("--method.clustering.eps", eps),
        )
        for eps in ("0.5", "0.7")
    ),
    *_hierarchy_arms(),
    Arm("no-centering", "cameras in the sampler alone", ("--method.center-cameras", "false")),
    Arm(
        "true-people", "the pool's people instead of clusters: no result but the ceiling", true_clusters=True
    ),
)


def _whole_benchmark(root: Path) -> Benchmark:
    return Benchmark(*read_evaluation(root))


def _mini_training(root: Path) -> ImageTable:
    table = read_training(root)
    identities = identities_of(table)
    return table.select(np.flatnonzero(np.isin(identities, np.unique(identities)[:_PEOPLE])))


def _mini_benchmark(root: Path) -> Benchmark:
    query, gallery = read_evaluation(root)
    people = np.unique(query.identities)[:_PEOPLE]
    distractors = np.flatnonzero(gallery.identities == 0)
    drawn = np.random.default_rng(_DISTRACTOR_SEED).choice(distractors, _DISTRACTORS, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(np.isin(gallery.identities, people)), drawn]))
    return Benchmark(
        _select(query, np.flatnonzero(np.isin(query.identities, people))), _select(gallery, rows)
    )


def _validation_benchmark(root: Path) -> Benchmark:
    table = read_training(root)
    identities = identities_of(table)
    people = np.unique(identities)
    held_out, later = people[_PEOPLE : 2 * _PEOPLE], people[2 * _PEOPLE :]
    generator = np.random.default_rng(_DISTRACTOR_SEED)
    order = generator.permutation(np.flatnonzero(np.isin(identities, held_out)))
    _, first = np.unique(identities[order] * 1000 + table.cameras[order], return_index=True)
    query = np.sort(order[first])
    distractors = generator.choice(np.flatnonzero(np.isin(identities, later)), _DISTRACTORS, replace=False)
    gallery = np.sort(np.concatenate([np.setdiff1d(order, query), distractors]))
    whole = EvaluationTable(table, identities)
    return Benchmark(_select(whole, query), _select(whole, gallery))


def _select(table: EvaluationTable, rows: np.ndarray) -> EvaluationTable:
    return EvaluationTable(table.images.select(rows), table.identities[rows])


_METHOD_ARMS = tuple(
    Arm(name, f"the recipe `{name}` as it is shipped", (), _RECIPES / f"{name}.yaml")
    for name in ("sphere", "sphere-contrast", "progressive", "maskpre", "global-patch")
)
MARKET = Protocol(
    "market",
    _HERE / "market.yaml",
    read_training,
    _whole_benchmark,
    (*_ARMS, *_CAMERA_ARMS, *_REFINEMENT_ARMS, *_METHOD_ARMS),
)
MARKET_HOUR = Protocol(
    "market-hour",
    _HERE / "market-mini.yaml",
    read_training,
    _whole_benchmark,
    tuple(
        arm if arm.name == "no-training" else replace(arm, flags=override(_HOUR, *arm.flags))
        for arm in _MINI_ARMS
        if not arm.true_clusters
    ),
)
MARKET_MINI = Protocol("market-mini", _HERE / "market-mini.yaml", _mini_training, _mini_benchmark, _MINI_ARMS)
MARKET_MINI_VALIDATION = Protocol(
    "market-mini-validation", _HERE / "market-mini.yaml", _mini_training, _validation_benchmark, _MINI_ARMS
)
