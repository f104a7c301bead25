"""The speed cases, in the order of the table. A new case: a file that holds a `Case`, and a line here."""

from cases.approximate import HIERARCHY_APPROXIMATE, HIERARCHY_MILLION
from cases.bank_step import BANK_STEP
from cases.case import Case
from cases.clustering import CLUSTERING_MARKET, CLUSTERING_MSMT17
from cases.embed_engines import EMBED_ENGINES
from cases.evaluation import EVALUATION, EVALUATION_MSMT17, EVALUATION_PEERS
from cases.export import EXPORT
from cases.feature_cache import FEATURE_CACHE
from cases.gallery import GALLERY, GALLERY_MIDDLE, GALLERY_SMALL
from cases.hierarchy import HIERARCHY_MARKET, HIERARCHY_MSMT17, HIERARCHY_SHARED, HIERARCHY_TREE
from cases.import_time import IMPORT
from cases.kept_views import KEPT_VIEWS
from cases.knn import KNN
from cases.mask_step import MASK_STEP
from cases.pixels import PIXELS
from cases.rerank import RERANK_MARKET
from cases.step_limit import STEP_LIMIT
from cases.training_step import TRAINING_STEP
from cases.video import VIDEO

CASES: tuple[Case, ...] = (
    PIXELS,
    TRAINING_STEP,
    STEP_LIMIT,
    KEPT_VIEWS,
    MASK_STEP,
    BANK_STEP,
    KNN,
    CLUSTERING_MARKET,
    CLUSTERING_MSMT17,
    HIERARCHY_MARKET,
    HIERARCHY_MSMT17,
    HIERARCHY_SHARED,
    HIERARCHY_TREE,
    HIERARCHY_APPROXIMATE,
    HIERARCHY_MILLION,
    EVALUATION,
    EVALUATION_PEERS,
    EVALUATION_MSMT17,
    RERANK_MARKET,
    EXPORT,
    EMBED_ENGINES,
    GALLERY_SMALL,
    GALLERY_MIDDLE,
    GALLERY,
    FEATURE_CACHE,
    VIDEO,
    IMPORT,
)
