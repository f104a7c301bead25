import pytest


@pytest.fixture
def begin(recipe_of, crowd, tmp_path):
    """A function that sets a method up on the drawn crowd and begins a round: (training, round)."""
    import torch

    import reseen
    from reseen.features.extract import extract
    from reseen.training.setup import set_up

    def start(name, cameras=True, **method_settings):
        recipe = recipe_of(name, **method_settings)
        table = reseen.read_training(crowd)
        if not cameras:
            table = reseen.ImageTable(table.root, table.paths, table.cameras * 0 - 1)
        training = set_up(recipe, table, tmp_path / "run", quiet=True)
        features = extract(training.encoder, training.crops, torch.device("cpu"))
        return training, training.method.begin_round(features, recipe.train.iterations)

    return start
