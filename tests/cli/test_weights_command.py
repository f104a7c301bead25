import pytest
import timm
from safetensors import safe_open
from safetensors.torch import save_file

from reseen.cli import main


@pytest.fixture
def plain(tmp_path):
    """Weights that say nothing of their network."""
    file = tmp_path / "plain.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=3).state_dict(), file)
    return file


def test_a_converted_file_gets_the_name_of_its_network_and_loses_its_classifier(plain, tmp_path, capsys):
    out = tmp_path / "named.safetensors"
    assert main(["weights", str(plain), "--backbone", "test_resnet", "--out", str(out)]) == 0
    assert "--model.backbone test_resnet --model.weights" in capsys.readouterr().out
    with safe_open(out, framework="pt") as opened:
        assert opened.metadata()["reseen.backbone"] == "test_resnet"
        assert not [name for name in opened.keys() if name.startswith("fc.")]  # noqa: SIM118


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--out", "x.safetensors"], "--backbone is required: the timm model"),
        (["--backbone", "test_resnet", "--out", "x.pth"], "the file name must end in .safetensors"),
        (["--backbone", "resnet18", "--out", "x.safetensors"], "does not match this backbone"),
        (["--backbone", "resnet18.no", "--out", "x.safetensors"], "timm has no weights 'no' for resnet18"),
    ],
)
def test_what_does_not_go_is_one_line(plain, flags, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["weights", str(plain), *flags]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("x.*"))
