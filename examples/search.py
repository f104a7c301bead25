"""Find the crops most like one crop, among the vectors that `reseen embed` wrote.

python examples/search.py VECTORS.parquet PATH_OF_A_CROP
"""

import sys

import numpy as np
import pyarrow.parquet as pq

vectors_file, wanted = sys.argv[1:]
table = pq.read_table(vectors_file)
paths = table.column("path").to_pylist()
vectors = np.stack(table.column("vector").to_numpy())  # unit rows, so a product is a cosine

similarity = vectors @ vectors[paths.index(wanted)]
for row in np.argsort(-similarity)[1:6]:
    print(f"{similarity[row]:.3f}  {paths[row]}")
