import numpy as np
import pytest

from reseen.camera_means import CameraMeans
from reseen.errors import RunError
from reseen.runs.camera_file import read_camera_means, write_camera_means

MEANS = CameraMeans(
    ("front door", "c2", None), np.full((3, 4), 0.25), np.array([9, 5, 2]), np.array([3, 5, 2])
)


def test_what_is_written_is_read_again(tmp_path):
    file = tmp_path / "cameras.safetensors"
    assert read_camera_means(file, of="round 3") is None
    write_camera_means(file, MEANS, of="round 3")
    found = read_camera_means(file, of="round 3")
    assert found.cameras == MEANS.cameras
    np.testing.assert_array_equal(found.means, MEANS.means)
    np.testing.assert_array_equal(found.sightings, MEANS.sightings)
    assert read_camera_means(file, of="round 4") is None  # of an earlier round


@pytest.mark.parametrize("damage", ["cut", "other", "values"])
def test_a_damaged_file_is_named(tmp_path, damage):
    file = tmp_path / "cameras.safetensors"
    write_camera_means(file, MEANS, of="round 3")
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "other":
        file.write_bytes(content.replace(b"reseen-cameras-1", b"reseen-cameras-9"))
    else:
        file.write_bytes(content.replace(b"c2", b"\\u"))
    with pytest.raises(RunError, match=r"cameras\.safetensors: damaged"):
        read_camera_means(file, of="round 3")
