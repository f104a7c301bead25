"""The speed cases, in the order of the table. A new case: a file that holds a `Case`, and a line here."""

from cases.case import Case
from cases.clustering import CLUSTERING_MARKET, CLUSTERING_MSMT17
from cases.knn import KNN

CASES: tuple[Case, ...] = (KNN, CLUSTERING_MARKET, CLUSTERING_MSMT17)
