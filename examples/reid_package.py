"""Any encoder in Roboflow's package reid (pip install --pre reid), whose evaluation and distances then work with it.

A run that `reseen export --format reid` takes needs no line of this, only ReIDModel.from_pretrained(FOLDER).

python examples/reid_package.py RUN IMAGE IMAGE
"""

import sys

import torch
from reid import ReIDModel, distance_matrix
from reid.preprocessing import ReIDPreprocessing

import reseen

run, *images = sys.argv[1:]
encoder = reseen.load(run).encoder
preprocessing = ReIDPreprocessing(
    input_size=(encoder.height, encoder.width), mean=encoder.mean, std=encoder.std, interpolation="bicubic"
)
model = ReIDModel(encoder, torch.device("cpu"), preprocessing)
vectors = model.extract_embeddings_from_paths(images)
print(vectors.shape, distance_matrix(vectors[:1], vectors[1:], distance="cosine"))
