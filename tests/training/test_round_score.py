"""The score of a round: always on the same crops, and that of a probe."""

import numpy as np
import torch

import reseen
from reseen.audit import probe_score
from reseen.data.crops import open_crops
from reseen.data.settings import DataSettings
from reseen.features.extract import extract
from reseen.features.probe_encoder import probe_encoder
from reseen.models import Encoder, ModelSettings
from reseen.training.round_score import RoundScore

CPU = torch.device("cpu")


def test_it_is_the_score_of_a_probe_and_few_crops_have_none(crowd):
    crops = open_crops(reseen.read_training(crowd), DataSettings(), 64, 32, progress=False)
    torch.manual_seed(0)
    encoder = Encoder(ModelSettings(backbone="test_resnet", weights="none"), 64, 32).eval()
    features = extract(encoder, crops, CPU)
    score = RoundScore(crops, CPU)
    expected = probe_score(probe_encoder(encoder, crops, CPU))
    assert expected is not None
    assert abs(score(encoder, features) - expected) < 1e-4
    assert score(encoder, features) == score(encoder, features)
    few = crops.select(np.arange(10))
    assert RoundScore(few, CPU)(encoder, extract(encoder, few, CPU)) is None
