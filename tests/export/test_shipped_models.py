"""The encoders that come with the project: their cards, their size, and that they know the people they claim to."""

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import SEED

import reseen
from reseen.models import Encoder

MODELS = Path(__file__).resolve().parents[2] / "models"
FOLDERS = sorted(path for path in MODELS.iterdir() if path.is_dir())
MEGABYTES = 10


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_is_small_and_its_card_has_data_terms_protocol_and_score(folder):
    assert {file.name for file in folder.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert (folder / "model.safetensors").stat().st_size < MEGABYTES * 1e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    for words in (
        "license: apache-2.0",
        "## Data and terms",
        "## Scores",
        "mAP",
        "queries",
        "No benchmark was seen",
    ):
        assert words in card, words


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """A crowd that no model was trained on: queries and gallery."""
    folder = tmp_path_factory.mktemp("strangers") / "crowd"
    reseen.draw_crowd(
        folder, people=20, cameras=4, seed=1000 + SEED, images_per_camera=3, share_train=0.2, progress=False
    )
    return reseen.read_evaluation(folder)


def mean_average_precision(encoder, tables):
    sides = [
        reseen.LabeledFeatures(
            encoder.embed([table.images.root / path for path in table.images.paths]),
            table.identities,
            table.images.cameras,
        )
        for table in tables
    ]
    return reseen.score_features(*sides, quiet=True).mean_average_precision


def test_the_encoder_of_the_drawn_crowd_tells_other_drawn_people_apart(strangers):
    """Twice the mean average precision of random weights, and a quarter at least; it has about half."""
    encoder = reseen.from_pretrained(MODELS / "drawn-crowd")
    trained = mean_average_precision(encoder, strangers)
    random = Encoder(encoder.settings, encoder.encoder.height, encoder.encoder.width).eval()
    encoder.encoder.load_state_dict(random.state_dict())
    untrained = mean_average_precision(encoder, strangers)
    assert trained > max(0.25, 2 * untrained), (trained, untrained)
    assert np.isfinite(untrained)
