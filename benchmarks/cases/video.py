"""Videos to tracklets: frames per second with boxes from a file, by motion and by a network, beside decoding alone.

The network has random weights, which are as fast as any; it finds nobody, so its row holds decoding and detection.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from cases.case import Case, Options, row, timed
from reseen.synthetic import draw_crowd_video
from reseen.video.frames import open_video
from reseen.video.settings import CropSettings, crop_settings
from reseen.video.sources import find_sources
from reseen.video.tracker import VideoPass

_NETWORK = "ssdlite320_mobilenet_v3_large"


def _weights(folder: Path) -> Path:
    """Random weights of the network, in a file."""
    from safetensors.torch import save_file
    from torchvision import models

    file = folder / "weights.safetensors"
    save_file(models.get_model(_NETWORK, weights=None, weights_backbone=None).state_dict(), file)
    return file


def _run(options: Options) -> dict[str, Any]:
    """A drawn video of eight people, 640 x 360 pixels."""
    seconds = 4 if options.quick else 20
    with tempfile.TemporaryDirectory() as folder:
        videos = Path(folder) / "videos"
        frames = draw_crowd_video(videos, people=8, cameras=1, seconds=seconds, progress=False).frames
        (source,) = find_sources([str(videos / "camera1.mp4")])

        def decode() -> None:
            with open_video(source, 25.0) as video:
                for _ in video.read():
                    pass

        def follow(settings: CropSettings) -> Callable[[], None]:
            def run() -> None:
                with open_video(source, 25.0) as video:
                    video_pass = VideoPass(video, settings)
                    list(video_pass.tracklets())
                    list(video_pass.collector.finish())

            return run

        boxes = crop_settings(["--detections", str(videos / "ground-truth")])
        network = crop_settings(
            ["--detector", f"torchvision:{_NETWORK}", "--torchvision.weights", str(_weights(Path(folder))),
             "--score", "0.999"]
        )  # fmt: skip
        processor: dict[str, list[float]] = {}

        def clocked(name: str, work: Callable[[], None]) -> Callable[[], None]:
            """The work, with its processor time noted: beside other programs the wall says little."""

            def run() -> None:
                start = time.process_time()
                work()
                processor.setdefault(name, []).append(time.process_time() - start)

            return run

        alone, tracked, moved, detected = timed(
            options.repeat,
            clocked("decoding", decode),
            clocked("file", follow(boxes)),
            clocked("motion", follow(CropSettings())),
            clocked("network", follow(network)),
        )
    return {
        "rows": [
            row(
                f"{what}, {frames / median(spent):,.0f} frames/s",
                spent,
                against=f"decoding to RGB alone, {frames / median(alone):,.0f} frames/s",
                against_seconds=alone,
                limit="decoding",
                note=f"in processor time {frames / median(processor[name]):,.0f} frames/s, decoding alone "
                f"{frames / median(processor['decoding']):,.0f}",
            )
            for name, what, spent in (
                ("file", "crops of tracks from a file", tracked),
                ("motion", "crops by motion", moved),
                ("network", f"detection by torchvision's {_NETWORK}", detected),
            )
        ]
    }


VIDEO = Case("video", "faster than a camera's 25 frames per second", _run)
