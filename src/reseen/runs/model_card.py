"""The model card of a run: a Markdown file on its encoder, its training and its use.

It is meant to be published, so it contains no path, file name or camera name.
"""

from pathlib import Path

import yaml

from reseen.audit import verdict_lines
from reseen.files import write_text
from reseen.runs.recipe import PATHS, Recipe
from reseen.runs.run import Run
from reseen.runs.run_outcome import read_outcome

CARD = "README.md"
"""File in the run folder; the Hugging Face Hub shows a file of this name as the model card."""

_PLACE = "path or name of this model"


def write_model_card(run: Run) -> Path:
    """Write the model card into the run folder, and return its path.

    Raises:
        RunError: the checkpoint or the outcome is damaged.
        StorageError: the file cannot be written.
    """
    file = run.folder / CARD
    write_text(file, model_card(run))
    return file


def model_card(run: Run, license_id: str | None = None, place: str = _PLACE) -> str:
    """The model card as Markdown, with metadata that the Hugging Face Hub reads.

    Args:
        run: the run.
        license_id: a license identifier of the Hub, such as `apache-2.0`; None for no license.
        place: the argument of `reseen.from_pretrained` in the example.

    Raises:
        RunError: the checkpoint or the outcome is damaged.

    Example:
        >>> print(model_card(reseen.open_run("runs/market"), "apache-2.0", "me/market"))
    """
    model, facts = run.recipe.model, run.facts
    metadata = {
        **({} if license_id is None else {"license": license_id}),
        "library_name": "reseen",
        "pipeline_tag": "image-feature-extraction",
        "tags": [
            "person-re-identification",
            "unsupervised-learning",
            "image-retrieval",
            run.recipe.method.name,
        ],
    }
    cameras = f"{facts['cameras']} cameras" if run.recipe.cameras and facts["cameras"] else "no camera labels"
    start = "another reseen encoder" if model.start else _weights(model.weights)
    names = ", ".join(
        f"{name} {facts['versions'].get(name, 'unknown')}" for name in ("reseen", "torch", "timm")
    )
    title = f"{run.recipe.method.name}, {model.backbone}"
    return f"""---
{yaml.safe_dump(metadata, sort_keys=False).strip()}
---

# Person re-identification without labels: {title}

An encoder for person re-identification: it maps a crop of one person to an embedding, and embeddings of the same person
are more similar than those of different people. It was trained by reseen,
a toolkit for unsupervised person re-identification.

## Use

```python
import reseen

encoder = reseen.from_pretrained("{place}")
embeddings = encoder.embed(["person.jpg", "other.jpg"])  # float32, one row per image
similarity = embeddings @ embeddings.T  # {_similarity(run)}
```

| | |
|---|---|
| Input | crops of one person, resized to {facts["height"]} x {facts["width"]} pixels |
| Backbone | `{model.backbone}` of timm, pooling `{model.pooling}` |
| Starting weights | {start} |
| License | {license_id or "not stated; the terms of the training data and of the starting weights may apply"} |

## Training

| | |
|---|---|
| Method | `{run.recipe.method.name}` |
| Data | {facts.get("images", 0):,} crops, {cameras}; {_labels(run.recipe)} |
| Rounds | {run.rounds_done} |
| Versions | {names} |

```yaml
{_public_recipe(run.recipe).strip()}
```

## Evaluation

{_evaluation(run)}

## Limits

- Embeddings of people are biometric data in many jurisdictions. Use the model only where this is legal.
- An encoder trained on one set of cameras is usually less accurate on another. Measure it on yours: `reseen evaluate`
  with identities, `reseen audit` without.
- Similarity depends on clothes: people are confused if they change clothes or dress alike.
"""


def _weights(weights: str) -> str:
    return {"hub": "timm's pretrained weights", "none": "random"}.get(weights, "a file of weights")


def _similarity(run: Run) -> str:
    return (
        "raw vectors: compare by Euclidean distance"
        if run.recipe.model.feature == "raw"
        else "cosine, -1 to 1"
    )


def _labels(recipe: Recipe) -> str:
    if recipe.data.labels is not None:
        return "with identity labels"
    return "no identity labels" if recipe.data.constraints is None else "manual answers on some pairs"


def _public_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, without local paths."""
    values = recipe.model_dump(mode="json")
    for setting, keywords in PATHS.items():
        section, name = setting.split(".")
        if values[section].get(name) not in (None, *keywords):
            del values[section][name]
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _evaluation(run: Run) -> str:
    outcome = read_outcome(run.folder)
    if outcome is None or outcome.verdict is None:
        return "Not compared with its starting weights."
    line = verdict_lines(outcome.verdict, "its starting weights", "the encoder")[0]
    return f"Without labels, on the training crops: {line}. This does not measure retrieval accuracy."
