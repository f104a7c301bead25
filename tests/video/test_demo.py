"""`reseen demo --video`: from drawn videos to a gallery, and the same again without work."""

import pytest

import reseen
from reseen.errors import RunError
from reseen.video.crop import crop_videos
from reseen.video.demo import run_video_demo
from reseen.video.settings import crop_settings


def test_from_videos_to_a_gallery(tmp_path, tiny_flags):
    recipe = reseen.load_recipe("demo", [*tiny_flags, "--train.passes", "null"])
    small = {"people": 4, "cameras": 2, "seconds": 6.0, "quiet": True}
    settings = crop_settings(["--motion.smallest", "0.15", "--thin.height", "24"])
    demo = run_video_demo(tmp_path / "demo", recipe, settings=settings, **small)
    assert demo.run.rounds_done == 2
    assert demo.indexed.count == demo.cropped.crops > 8
    with reseen.open_gallery(tmp_path / "demo" / "gallery") as gallery:
        described = gallery.store.describe()
        assert set(described.cameras) == {"camera1", "camera2"}
        assert gallery.search(gallery.embed(next((tmp_path / "demo" / "crops").rglob("*.jpg"))), top=3)
    again = run_video_demo(tmp_path / "demo", recipe, settings=settings, **small)
    assert again.cropped.skipped == 2
    assert again.indexed.added == 0
    videos = sorted((tmp_path / "demo" / "videos").glob("*.mp4"))
    with pytest.raises(RunError, match="demo with other settings"):
        run_video_demo(tmp_path / "demo", recipe, settings=settings, **{**small, "people": 5})
    assert sorted((tmp_path / "demo" / "videos").glob("*.mp4")) == videos  # nothing was drawn over
    assert crop_videos(
        [tmp_path / "demo" / "videos"], tmp_path / "demo" / "crops", settings=settings, quiet=True
    )
