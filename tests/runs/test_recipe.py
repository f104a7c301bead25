import pytest

from reseen.config import read_yaml
from reseen.errors import SettingsError
from reseen.runs.recipe import Recipe, load_recipe, shipped_recipes


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_round_trip(name, tmp_path):
    recipe = load_recipe(name)
    file = tmp_path / "again.yaml"
    file.write_text(recipe.to_yaml())
    assert load_recipe(file) == recipe
    assert Recipe.parse(read_yaml(file), "again") == recipe


def test_flag_beats_file_beats_default(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("method: {name: cluster-contrast, clustering: {eps: 0.5}}\ntrain: {rounds: 7}\n")
    recipe = load_recipe(
        file, ["--train.rounds", "9", "--train.learning-rate=1e-3", "--model.norm-group", "null"]
    )
    assert recipe.method.clustering.eps == 0.5
    assert recipe.train.rounds == 9
    assert recipe.train.learning_rate == 1e-3
    assert recipe.model.norm_group is None
    assert recipe.train.iterations == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "method: {clustering: {epsilon: 0.5}}",
            r"bad.yaml: method: clustering: no setting 'epsilon'; did you mean 'eps'\?",
        ),
        (
            "method: {name: cluster-contrst}",
            r"no method 'cluster-contrst'; did you mean 'cluster-contrast'\?",
        ),
        ("trian: {}", r"bad.yaml: no setting 'trian'; did you mean 'train'\?"),
        ("train: {rounds: many}", r"bad.yaml: train: rounds: .*valid integer.*found 'many'"),
        ("train: [1]", r"bad.yaml: train: "),
        ("a: [", r"bad.yaml: not valid YAML at line"),
        ("- 1", r"bad.yaml: a recipe is a mapping of settings, found list"),
    ],
)
def test_bad_recipes(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_recipe(file)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--method.clustering.epsilon", "1"],
            r"flags: method: clustering: no setting 'epsilon'; did you mean 'eps'\?",
        ),
        (["rounds", "1"], "'rounds' is not a setting; write --section.name VALUE"),
        (["--train.rounds"], "--train.rounds needs a value"),
        (["--seed", "1", "--seed", "2"], "--seed is given twice"),
        (["--method.clustering.eps", "-1"], "method: clustering: eps: expected a Jaccard distance"),
    ],
)
def test_bad_flags(flags, message):
    with pytest.raises(SettingsError, match=message):
        load_recipe("cluster-contrast", flags)


def test_unknown_recipe():
    with pytest.raises(
        SettingsError, match=r"no recipe 'cluster-contrst'; did you mean 'cluster-contrast'\?; built-in"
    ):
        load_recipe("cluster-contrst")
    with pytest.raises(
        SettingsError, match=r"no recipe file mine.yaml; built-in recipes: auto, buc, cluster-contrast"
    ):
        load_recipe("mine.yaml")
