import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.geometry import mean_direction, unit
from reseen.memory import CameraProxies


def crops(seed, count=30, clusters=4, cameras=3):
    generator = torch.Generator().manual_seed(seed)
    features = torch.nn.functional.normalize(torch.randn(count, 6, generator=generator), dim=1)
    labels = torch.randint(-1, clusters, (count,), generator=generator)
    of_crops = torch.randint(-1, cameras, (count,), generator=generator)
    return features, labels, of_crops


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_a_proxy_is_the_mean_direction_of_a_cluster_under_a_camera(seed):
    features, labels, cameras = crops(seed)
    proxies = CameraProxies(features, labels, cameras)
    pairs = {(y, c) for y, c in zip(labels.tolist(), cameras.tolist(), strict=True) if y >= 0 and c >= 0}
    assert list(zip(proxies.labels.tolist(), proxies.cameras.tolist(), strict=True)) == sorted(pairs)
    for vector, label, camera in zip(proxies.vectors, proxies.labels, proxies.cameras, strict=True):
        members = features[(labels == label) & (cameras == camera)]
        torch.testing.assert_close(vector, mean_direction(members), atol=1e-6, rtol=0)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), momentum=st.floats(0, 1))
def test_an_update_moves_each_proxy_by_its_crops_in_turn(seed, momentum):
    features, labels, cameras = crops(seed)
    proxies = CameraProxies(features, labels, cameras)
    expected = proxies.vectors.double().clone()
    place = {
        pair: row
        for row, pair in enumerate(zip(proxies.labels.tolist(), proxies.cameras.tolist(), strict=True))
    }
    inside = labels >= 0  # a batch holds crops of clusters
    batch = features[inside].flip(0), labels[inside].flip(0), cameras[inside].flip(0)
    for feature, label, camera in zip(batch[0].double(), batch[1].tolist(), batch[2].tolist(), strict=True):
        if camera >= 0:
            row = place[label, camera]
            expected[row] = unit((momentum * expected[row] + (1 - momentum) * feature)[None])[0]
    proxies.update(*batch, momentum)
    torch.testing.assert_close(proxies.vectors.double(), expected, atol=1e-4, rtol=0)


def test_without_a_known_camera_there_is_no_proxy():
    features, labels, _ = crops(0)
    proxies = CameraProxies(features, labels, torch.full_like(labels, -1))
    assert proxies.vectors.shape == (0, 6)
    proxies.update(features, labels.clamp_min(0), torch.full_like(labels, -1), 0.5)
    assert not len(CameraProxies(features[:0], labels[:0], labels[:0]).vectors)
