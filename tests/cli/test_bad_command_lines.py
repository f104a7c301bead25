import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no command 'trian'; did you mean 'train'? `reseen --help` lists all commands"),
        (["data", "toi"], "no command 'toi'; did you mean 'toy'? `reseen data --help` lists all commands"),
        (["nonsense"], "no command 'nonsense'; `reseen --help` lists all commands"),
        (["train", "demo", "--data", "x", "--rounds", "3"], "`reseen train` needs --out; see"),
        (
            ["train", "demo", "--data", "x", "--out", "y", "--rounds", "3"],
            "no option --rounds; did you mean --train.rounds?",
        ),
        (
            ["train", "demo", "--data", "x", "--out", "y", "--learning-rate", "3"],
            "no option --learning-rate; did you mean --train.learning-rate?",
        ),
        (["train"], "`reseen train` needs RECIPE; see `reseen train --help`"),
        (["evaluate"], "give a run folder and --data DIR"),
        (["data", "toy"], "`reseen data toy` needs OUT"),
        (["train", "demo", "--out", "x"], "`reseen train` needs --data; see"),
        (["train", "demo", "--dta", "x", "--out", "y"], "did you mean --data instead of --dta?"),
        (
            ["train", "demo", "--data", "x", "--out", "y", "--resum"],
            "no option --resum; did you mean '--resume'?",
        ),
        (
            ["train", "demo", "--quite", "--data", "x", "--out", "y"],
            "no option --quite; did you mean '--quiet'?",
        ),
        (
            ["evaluate", "run", "--data", "x", "--bogus", "3"],
            "unknown option: --bogus; see `reseen evaluate --help`",
        ),
        (["evaluate", "run", "--data"], "--data requires an argument"),
        (["data", "toy", "x", "--people", "many"], 'unable to convert "many" into int'),
        (["evaluate", "a", "b", "--data", "x"], "b"),
        (["recipes", "nope"], "no recipe 'nope'; built-in recipes: auto, buc, cluster-contrast"),
    ],
)
def test_one_line_that_says_what_to_do(fault, arguments, message):
    assert message in fault(*arguments)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--method.clustering.epsilon", "0.5"],
            "flags: method: clustering: no setting 'epsilon'; did you mean 'eps'?",
        ),
        (["--train.round", "3"], "flags: train: no setting 'round'; did you mean 'rounds'?"),
        (["--train.rounds", "many"], "train: rounds: "),
        (["--train.rounds", "--seed", "3"], "--train.rounds needs a value"),
        (
            ["--method.name", "cluster-contrst"],
            "no method 'cluster-contrst'; did you mean 'cluster-contrast'?",
        ),
        (["extra"], "'extra' is not a setting; write --section.name VALUE"),
        (["--model.backbone", "resnet_50"], "timm has no model 'resnet_50'; did you mean 'resnet50'?"),
        (["--train.device", "tpu"], "train: device: "),
    ],
)
def test_bad_settings(fault, crowd, tmp_path, flags, message):
    assert message in fault(
        "train", "cluster-contrast", "--quiet", "--data", crowd, "--out", tmp_path / "run", *flags
    )
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


def test_bad_recipes(fault, crowd, tmp_path):
    def train(recipe):
        return fault("train", recipe, "--quiet", "--data", crowd, "--out", tmp_path / "run")

    assert "no recipe 'cluster-contrst'; did you mean 'cluster-contrast'?" in train("cluster-contrst")
    file = tmp_path / "mine.yaml"
    assert f"no recipe file {file}" in train(file)
    file.write_text("train: {epochs: 3}\n")
    assert "mine.yaml: train: no setting 'epochs'" in train(file)
    file.write_text("train: {rounds: [\n")
    assert "not valid YAML at line" in train(file)
    file.write_bytes(b"\xff\xfe\x00garbage")
    assert "cannot be read as a recipe" in train(file)


def test_a_name_too_long_for_the_system(fault):
    assert "File name too long" in fault("data", "check", "x" * 300)
