"""The model card that a run writes."""

import pytest
import yaml

import reseen
from reseen.runs.model_card import CARD, model_card


@pytest.fixture
def run(recipe_of, crowd, tmp_path_factory):
    """A run of two rounds, made once; not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "carded"
    if not folder.exists():
        reseen.train(recipe_of("source"), crowd, folder, quiet=True)
    return reseen.open_run(folder)


def test_training_writes_the_card(run):
    assert (run.folder / CARD).read_text() == model_card(run)


def test_the_card_says_what_the_run_is(run):
    card = model_card(run, "apache-2.0", "me/model")
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "apache-2.0"
    assert "license" not in yaml.safe_load(model_card(run).split("---\n", 2)[1])
    for text in (
        "`test_efficientnet`",
        "| Method | `source` |",
        f"{run.facts['images']:,} crops, 3 cameras; with identity labels",
        "| Rounds | 2 |",
        "64 x 32 pixels",
        "Without labels, on the training crops: the encoder is",
    ):
        assert text in body or "cannot be told" in body, text


def test_the_card_names_no_file_and_no_command(run):
    """The recipe names the file of labels, and run.json the folder of crops."""
    card = model_card(run)
    labels = run.recipe.data.labels
    assert labels is not None
    for secret in (str(labels), str(run.folder), run.facts["root"], run.facts["command"]):
        assert secret not in card
    assert yaml.safe_load(card.partition("```yaml\n")[2].partition("```")[0])["train"]["rounds"] == 2


def test_the_program_on_the_card_runs(run, crowd, monkeypatch, tmp_path):
    program = model_card(run, place=str(run.folder)).partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    images = sorted((crowd / "query").iterdir())
    for name, image in zip(("person.jpg", "other.jpg"), images, strict=False):
        (tmp_path / name).symlink_to(image)
    names: dict[str, object] = {}
    exec(program, names)
    assert names["similarity"].shape == (2, 2)
