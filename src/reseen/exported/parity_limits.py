"""How close the vectors of an exported file must be to those of its run."""

from dataclasses import dataclass

MIN_COSINE = 0.99999
"""Required smallest cosine of a file in float32."""

MIN_COSINE_FLOAT16 = 0.999
"""Required smallest cosine of a file in float16."""

MIN_MEDIAN_COSINE_INT8 = 0.9
"""Required median cosine of a file in int8; below it the file is useless for retrieval."""


@dataclass(frozen=True)
class Parity:
    """Cosine similarity between the vectors of a file and of its run, over crops."""

    minimum: float
    median: float
    crops: int
