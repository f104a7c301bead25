"""What came of cropping videos."""

from dataclasses import dataclass
from pathlib import Path

from reseen.video.manifest_files import MANIFEST
from reseen.video.record import SourceRecord
from reseen.video.settings import CropSettings
from reseen.video.sheet import SHEET


@dataclass(frozen=True)
class CroppedVideos:
    """What is in a folder of crops."""

    folder: Path
    records: tuple[SourceRecord, ...]
    """All sources in the folder, those of earlier runs included."""
    skipped: int
    """Sources of this run that were there already."""
    left_out: tuple[str, ...]
    """Sources that are no videos, with the reason."""

    @property
    def manifest(self) -> Path:
        """The manifest, which `reseen train` and `reseen index` take as data."""
        return self.folder / MANIFEST

    @property
    def sheet(self) -> Path:
        """The contact sheet."""
        return self.folder / SHEET

    @property
    def crops(self) -> int:
        """Number of crops."""
        return sum(record.facts.crops for record in self.records)


def nothing_found(result: CroppedVideos, settings: CropSettings) -> str:
    """Why no crop came of videos, and what to change."""
    frames, boxes = (
        sum(getattr(record.facts, name) for record in result.records) for name in ("frames", "boxes")
    )
    if boxes:
        return (
            f"{result.folder}: {boxes:,} boxes in {frames:,} frames, but no tracklet with a crop of at least "
            f"{settings.thin.height} pixels; lower thin.height, thin.fewest_frames or thin.border, or "
            "raise thin.overlap"
        )
    hint = {
        "motion": "`motion` sees what moves before a fixed camera; lower motion.smallest, or take another --detector",
        "file": "lower --score, or check that the file is of this video",
    }.get(
        settings.detector,
        "lower --score, or check the number of the class with --onnx.person or --torchvision.person",
    )
    return f"{result.folder}: no person found in {frames:,} frames; {hint}"


def detector_name(settings: CropSettings) -> str:
    """What found the people, in words."""
    names = {
        "onnx": f"ONNX, {settings.onnx.file}",
        "torchvision": f"torchvision, {settings.torchvision.name}",
        "file": f"boxes of {settings.detections}",
    }
    return names.get(settings.detector, "motion (background subtraction)")
