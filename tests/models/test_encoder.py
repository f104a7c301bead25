import pytest
import timm
import torch
from safetensors.torch import save_file

from reseen.errors import SettingsError, WeightsError
from reseen.models import Encoder, ModelSettings
from reseen.models.backbone import backbone_size
from reseen.models.stages import stages_of


def encoder(**settings):
    torch.manual_seed(0)
    return Encoder(ModelSettings(**{"backbone": "resnet10t", "weights": "none", **settings}), 64, 32)


@pytest.mark.parametrize(
    ("backbone", "shape"),
    [
        ("resnet10t", (512, 4, 2)),  # last stride 1: 64 / 16
        ("mobilenetv3_small_050", (1024, 4, 2)),
        ("convnextv2_atto", (320, 2, 1)),  # its even kernels do not allow stride 1
    ],
)
def test_maps_of_convolutional_backbones(backbone, shape):
    model = encoder(backbone=backbone)
    images = torch.randn(4, 3, 64, 32)
    maps = model.eval().maps(images)
    if backbone != "mobilenetv3_small_050":
        assert maps.shape[1:] == shape
    assert maps.shape[2:] == shape[1:]
    features = model(images)
    assert features.shape == (4, model.dimension)
    assert torch.allclose(features.norm(dim=1), torch.ones(4), atol=1e-5)


def test_last_stride_two_gives_half_the_map():
    assert encoder(last_stride=2).eval().maps(torch.zeros(1, 3, 64, 32)).shape[2:] == (2, 1)


def test_vit_takes_person_shaped_crops_and_resized_position_embeddings(tmp_path):
    square = Encoder(ModelSettings(backbone="vit_tiny_patch16_224", weights="none"), 224, 224)
    file = tmp_path / "vit.safetensors"
    save_file(square.trunk.state_dict(), file)
    tall = Encoder(ModelSettings(backbone="vit_tiny_patch16_224", weights=str(file)), 64, 32)
    assert tall.trunk.pos_embed.shape[1] == 4 * 2 + 1
    assert tall(torch.randn(2, 3, 64, 32)).shape == (2, 192)
    averaged = encoder(backbone="vit_tiny_patch16_224", pooling="average")
    assert averaged(torch.randn(2, 3, 64, 32)).shape == (2, 192)


def test_pooling_that_does_not_fit_is_refused():
    with pytest.raises(
        SettingsError, match="outputs tokens, gem needs a feature map; use 'token' or 'average'"
    ):
        encoder(backbone="vit_tiny_patch16_224", pooling="gem")
    with pytest.raises(SettingsError, match="outputs a feature map and has no token"):
        encoder(pooling="token")


def test_gem_by_hand():
    model = encoder()
    maps = torch.tensor([[[[1.0, 2.0]], [[0.0, -3.0]]]])
    found = model.pooling(maps)
    assert torch.allclose(found[0, 0], torch.tensor((1 + 8) / 2) ** (1 / 3))
    assert found[0, 1] < 1e-5  # the positive part of zeros
    assert encoder(pooling="average").pooling(maps)[0].tolist() == [1.5, -1.5]


def test_the_neck_keeps_its_bias_at_zero():
    model = encoder()
    assert not model.neck.bias.requires_grad
    assert model.neck.bias.abs().max() == 0


def test_without_a_neck_pooled_features_are_the_embeddings():
    model = encoder(neck="none", feature="raw").eval()
    images = torch.randn(3, 3, 64, 32)
    with torch.no_grad():
        pooled = model.pooling(model.maps(images))
        assert torch.equal(model(images), pooled / model.dimension**0.5)
        assert torch.equal(encoder(neck="none").eval().unnormalized(model.maps(images)), pooled)
    assert not model.norms()
    assert not any(name.startswith("neck") for name in model.state_dict())
    assert model.notes[-1].split()[2] == str(int(encoder().notes[-1].split()[2]) - 1)


def test_norms_are_those_whose_inputs_are_given():
    for settings in (
        {},
        {"neck": "none"},
        {"patches": {"count": 2}},
        {"patches": {"count": 2}, "neck": "none"},
    ):
        model = encoder(**settings)
        with torch.no_grad():
            found = [norm for norm, _ in model.norm_inputs(torch.randn(3, 3, 64, 32))]
        assert [id(norm) for norm in found] == [id(norm) for norm in model.norms()]


def test_frozen_stages_keep_weights_and_statistics():
    model = encoder(frozen_stages=2)  # the stem and layer1
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.train()
    model(torch.randn(8, 3, 64, 32)).sum().backward()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    optimizer.step()
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert not any(key.startswith(("trunk.conv1", "trunk.bn1", "trunk.layer1")) for key in changed)
    assert any(key.startswith("trunk.layer2") for key in changed)
    with pytest.raises(SettingsError, match="at least one must be trained"):
        encoder(frozen_stages=50)


def test_weights_from_a_file_arrive_and_heads_are_left_out(tmp_path):
    source = encoder()
    state = {**source.trunk.state_dict(), "fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    file = tmp_path / "weights.safetensors"
    save_file(state, file)
    torch.manual_seed(1)
    loaded = Encoder(ModelSettings(backbone="resnet10t", weights=str(file)), 64, 32)
    for key, value in loaded.trunk.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert str(file) in loaded.notes[0]


def test_wrong_weights_say_what_is_wrong(tmp_path):
    missing = tmp_path / "none.safetensors"
    with pytest.raises(WeightsError, match=r"no file .*none.safetensors; give a safetensors file"):
        encoder(weights=str(missing))
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match=r"not a readable safetensors file"):
        encoder(weights=str(garbage))
    other = tmp_path / "other.safetensors"
    save_file({"conv1.weight": torch.zeros(1)}, other)
    with pytest.raises(WeightsError, match=r"does not match this backbone: it lacks .* such as 'bn1.bias'"):
        encoder(weights=str(other))
    state = encoder().trunk.state_dict()
    state["bn1.bias"] = torch.full_like(state["bn1.bias"], float("nan"))
    save_file(state, other)
    with pytest.raises(WeightsError, match=r"NaN or infinite values in 'bn1.bias'"):
        encoder(weights=str(other))


def test_unknown_backbone_gets_a_suggestion():
    with pytest.raises(SettingsError, match="no model 'resnet5'; did you mean 'resnet"):
        encoder(backbone="resnet5")


def test_size_is_person_shaped():
    assert backbone_size("resnet50") == (256, 128)


def test_the_benchmark_weights_load_with_every_tensor(weights_file):
    model = encoder(backbone="mobilenetv2_100", weights=str(weights_file))
    assert "312 tensors" in model.notes[0]


@pytest.mark.parametrize(
    ("backbone", "stages"),
    [
        ("resnet10t", [["conv1", "bn1"], ["layer1"], ["layer2"], ["layer3"], ["layer4"]]),
        ("mobilenetv2_100", [["conv_stem", "bn1"], *([f"blocks.{i}"] for i in range(7))]),
        ("convnextv2_atto", [["stem"], *([f"stages.{i}"] for i in range(4))]),
    ],
)
def test_stages_are_the_stem_and_what_repeats(backbone, stages):
    assert stages_of(timm.create_model(backbone, num_classes=0, global_pool="")) == stages


def test_raw_vectors_are_those_of_the_sphere_with_lengths_of_their_own():
    images = torch.randn(4, 3, 64, 32)
    sphere, raw = encoder().eval()(images), encoder(feature="raw").eval()(images)
    lengths = raw.norm(dim=1)
    assert lengths.std() > 1e-3
    assert torch.allclose(raw / lengths[:, None], sphere, atol=1e-6)
    trained = encoder(feature="raw")(torch.randn(32, 3, 64, 32))
    assert float(trained.detach().square().sum(dim=1).mean()) == pytest.approx(
        1, abs=1e-3
    )  # by the neck's batch norm
