"""Score a run on query and gallery. Identities are read here, after training, and nowhere before.

Whether a run is scored on the kind of data it learned from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from reseen.data.crops import Crops, open_crops
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.occlusion import Occlusion
from reseen.data.table import ImageTable
from reseen.datasets import (
    PATTERNED,
    DistractorRule,
    Patterns,
    choose,
    detect,
    label_splits,
    parse,
    without_junk,
)
from reseen.datasets.distractors import AS_PERSON
from reseen.distributed.launch import is_main_process, launch
from reseen.distributed.process_group import ProcessGroup
from reseen.errors import ReseenError
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.scoring import Protocol, ScoringOptions, score_by, score_refined
from reseen.evaluate.task import ZERO, Preparation, RetrievalTask
from reseen.evaluate.tracklets import POOLING
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import camera_pattern_of, load_other_table, load_table
from reseen.runs.run import Run, open_run
from reseen.tasks.evaluation.retrieval_features import RetrievalFeatureExtractor


def domain(run: Run, data: str | Path) -> str:
    """`same` where the training split beside query and gallery is what the run learned from, else `cross-domain`.

    The two are compared by fingerprint: paths, sizes and cameras of all crops. Where `data` has no training split,
    nothing is known and this is `unknown`. A run that learned from a part of the split counts as `cross-domain`.
    """
    readings = (
        lambda: load_table(run.recipe, data)[0],
        lambda: load_other_table(run.recipe, data),
    )  # as the run read its own data, then as any data is read
    known = False
    for reading in readings:
        try:
            table = reading()
        except ReseenError:
            continue
        known = True
        if table.fingerprint == run.facts["data"]:
            return "same"
    return "cross-domain" if known else "unknown"


def with_domain(score: RetrievalScore, name: str) -> RetrievalScore:
    """The score, which says the domain among its rules."""
    return replace(score, extra_rules={**score.extra_rules, "domain": name})


@dataclass(frozen=True)
class Benchmark:
    """Query and gallery with the truth."""

    query: EvaluationTable
    gallery: EvaluationTable
    name: str = ""
    """The data set, and the variant where it has several."""
    protocol: Protocol = "market"
    """The rules that this data is scored by, where nobody asks for others."""
    notes: tuple[str, ...] = ()
    """Sentences on the data that a score states."""
    distractors: str = ZERO
    """What the identity 0 was, in words."""


def read_benchmark(
    data: str | Path,
    layout: str | None = None,
    variant: str | None = None,
    *,
    patterns: Patterns | None = None,
    distractors: DistractorRule = "auto",
) -> Benchmark:
    """Query and gallery of a folder, shards or a manifest; the layout is found by looking when it is None.

    `patterns` say where folders of your own name camera and person; `distractors` says whether the identity 0 is the
    number of distractors (`zero`) or a person (`none`), found out when `auto`.

    Raises:
        DataError: the data has none, or it is not clear who is on its crops.
        SettingsError: an unknown layout or variant, or patterns that are wrong or have no place here.
    """
    root = Path(data).expanduser()
    choice = choose(root, layout, variant)
    found = label_splits(
        root, layout, variant, ("query", "gallery"), patterns=patterns, distractors=distractors
    )
    query, gallery = (without_junk(found.tables[name]) for name in ("query", "gallery"))
    rule = AS_PERSON if found.zero_is_person else ZERO
    if choice is None:
        return Benchmark(query, gallery, notes=found.notes, distractors=rule)
    words = f", {choice.variant.words}" if choice.variant.words else ""
    name = f"{choice.dataset.title}{words}"
    return Benchmark(query, gallery, name, choice.variant.protocol, found.notes, rule)


def patterns_of(
    run: Run,
    data: str | Path,
    layout: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
) -> Patterns:
    """The patterns that were given, else those of the run's recipe where the data may have them."""
    root = Path(data).expanduser()
    camera = camera_pattern_of(run.recipe, root, camera_pattern, layout)
    if identity_pattern is None and (parse(layout) or detect(root)) in PATTERNED:
        identity_pattern = run.recipe.data.identity_pattern
    return Patterns(camera, identity_pattern)


@dataclass(frozen=True)
class Retrieval:
    """A task to score, and the crops behind its rows (of a tracklet the first), to look at."""

    task: RetrievalTask
    query: Crops
    gallery: Crops
    occluded: Mapping[str, RetrievalTask]
    """The same task with queries of which a part is hidden, by the name of the occlusion."""
    options: ScoringOptions = field(default_factory=ScoringOptions)
    """How it is scored."""
    part: Literal["both", "global", "patch"] = "both"
    """What the vectors are of, where the method learned whole images and patches."""

    @property
    def unreadable(self) -> dict[str, list[str]]:
        """Crops that no score is made from, by side."""
        return {"query": list(self.query.store.unreadable), "gallery": list(self.gallery.store.unreadable)}

    @cached_property
    def refined(self) -> RetrievalTask:
        """The task after expansion and re-ranking, where they were asked for."""
        return self.options.refine(self.task)

    def score(self, quiet: bool = True) -> RetrievalScore:
        """By the protocol of the options; shows progress unless `quiet`."""
        with RunView(0, quiet) as view:
            view.say(*before_ranking(self.task, self.options))
            progress = view.phase("ranking", self.options.query_count(self.task))
            if self.options.protocol == "vehicleid":
                return score_by(self.task, self.options, progress)
            return score_refined(self.refined, self.options, progress)

    def occluded_scores(self) -> dict[str, RetrievalScore]:
        """By the same protocol, with each occlusion of the queries, without details."""
        options = replace(self.options, details=False)
        return {name: score_by(task, options) for name, task in self.occluded.items()}


def score(
    run: Run | str | Path,
    data: str | Path,
    *,
    layout: str | None = None,
    variant: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: DistractorRule = "auto",
    options: ScoringOptions | None = None,
    mirrored: bool = False,
    devices: int = 1,
    quiet: bool = False,
) -> RetrievalScore:
    """Score the last round of a run; the last round is the result, none is chosen.

    Without `options` the rules are those of the data, Market-1501's for most. With `mirrored`, features are means
    over a crop and its mirror image; this is not done unless it is asked for, and the score says so. With several
    `devices`, as many processes make the features.

    Where folders train, query and gallery name camera and person, `camera_pattern` (empty for unknown cameras) and
    `identity_pattern` say, such as `{camera}/{*}` and `{*}/{identity}/{*}`, held against the path below query or
    gallery; those of the run's recipe when None. `distractors` says what the identity 0 is: the number of distractors
    (`zero`), a person (`none`), or a person where queries have it and the naming of the data does not say otherwise
    (`auto`). The score's `notes` say what makes it another one than it looks, such as unknown cameras; they are
    printed unless `quiet`.

    Raises:
        RunError: `run` is no run folder.
        DataError: `data` has no query and gallery, it is not clear who is on the crops, or no query can be scored.
        SettingsError: an unknown layout or variant, or a pattern that is wrong or has no place here.
    """
    run = run if isinstance(run, Run) else open_run(run)
    patterns = patterns_of(run, data, layout, camera_pattern, identity_pattern)
    benchmark = read_benchmark(data, layout, variant, patterns=patterns, distractors=distractors)
    retrieval = retrieve(run, benchmark, options=options, mirrored=mirrored, devices=devices, quiet=quiet)
    found = retrieval.score(quiet)
    with RunView(0, quiet) as view:
        view.say(*(f"warning: {note}" for note in found.notes))
    return with_domain(found, domain(run, data))


def before_ranking(task: RetrievalTask, options: ScoringOptions) -> list[str]:
    """What a person should know while nothing is counted yet."""
    rows = len(task.query) + len(task.gallery)
    return [f"re-ranking: neighbors of {rows:,} rows are searched first"] if options.rerank else []


def retrieve(
    run: Run,
    benchmark: Benchmark,
    *,
    options: ScoringOptions | None = None,
    occlusions: Sequence[Occlusion] = (),
    student: bool = False,
    part: Literal["both", "global", "patch"] | None = None,
    mirrored: bool = False,
    devices: int = 1,
    quiet: bool = False,
) -> Retrieval:
    """Features of query and gallery beside the truth; unreadable crops are left out on both sides.

    With `occlusions`, features of the queries with a part hidden, too; with `student`, those of the network that
    learned, where the method scores a momentum teacher; with `part`, of whole images or patches alone, where the
    method learned both; with `mirrored`, means over crops and their mirror images; with `devices`, made by as many
    processes, to the same bits on a CPU with as many threads in each.
    """
    options = ScoringOptions(protocol=benchmark.protocol) if options is None else options
    tables = {"query": benchmark.query, "gallery": benchmark.gallery}
    request = {
        "run": str(run.folder.absolute()),
        "student": student,
        "part": part,
        "mirrored": mirrored,
        "pool": options.protocol == "video",
        "occlusions": [asdict(occlusion) for occlusion in occlusions],
    }
    sides, hidden = {}, {}
    with (
        RunView(0, quiet or not is_main_process()) as view,
        launch(devices, scoring_device(run).type, "evaluate", request) as ranks,
    ):
        maker = _maker(run, request, ranks)
        opened = _open(
            run, ranks.broadcast({name: table.images for name, table in tables.items()}), maker, quiet
        )
        for name, table in tables.items():
            crops = opened[name]
            view.say(*(f"{name}: {note}" for note in crops.notes))
            identities = table.identities[crops.store_rows.numpy()]
            sides[name] = maker.make(name, crops, identities, view.phase(f"{name}: features", len(crops)))
        for occlusion in occlusions:
            crops = replace(opened["query"], occlusion=occlusion)
            progress = view.phase(f"query, {occlusion.name}: features", len(crops))
            identities = benchmark.query.identities[crops.store_rows.numpy()]
            hidden[occlusion.name] = maker.make("query", crops, identities, progress)
    query, gallery = sides["query"], sides["gallery"]
    task = RetrievalTask(
        query.features,
        gallery.features,
        query.identities,
        query.crops.table.cameras,
        gallery.identities,
        gallery.crops.table.cameras,
        Preparation(mirrored=mirrored, tracklets=POOLING if maker.pool else "none"),
        notes=benchmark.notes,
        distractors=benchmark.distractors,
    )
    occluded = {name: replace(task, query=side.features) for name, side in hidden.items()}
    return Retrieval(task, query.crops, gallery.crops, occluded, options, maker.encoder.part)


def evaluate_in_worker(ranks: ProcessGroup, request: dict[str, Any]) -> None:
    """What the helpers of `retrieve` do: their share of the features, in the same order."""
    run = open_run(request["run"])
    maker = _maker(run, request, ranks)
    opened = _open(run, ranks.broadcast(None), maker, quiet=True)
    covered = [replace(opened["query"], occlusion=Occlusion(**given)) for given in request["occlusions"]]
    for crops in (*opened.values(), *covered):
        maker.vectors(crops)


def _maker(run: Run, request: dict[str, Any], ranks: ProcessGroup) -> RetrievalFeatureExtractor:
    device = scoring_device(run, ranks)
    encoder = run.encoder(request["student"], request["part"]).to(device)
    return RetrievalFeatureExtractor(encoder, device, request["mirrored"], request["pool"], ranks)


def _open(
    run: Run, tables: Mapping[str, ImageTable], maker: RetrievalFeatureExtractor, quiet: bool
) -> dict[str, Crops]:
    quiet, size = quiet or not maker.ranks.is_main, (maker.encoder.height, maker.encoder.width)
    with maker.ranks.main_process_first():
        return {
            name: open_crops(table, run.reading, *size, progress=not quiet) for name, table in tables.items()
        }
