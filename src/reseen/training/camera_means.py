"""The means of the training crops' cameras, once training has ended."""

from reseen.camera_means import CameraMeans
from reseen.data.crops import Crops
from reseen.features.extract import extract
from reseen.runs.camera_file import CAMERAS, camera_means_of, rounds_text, write_camera_means
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.run import Run


def keep_camera_means(run: Run, crops: Crops, view: RunView) -> None:
    """Embed the crops by the encoder of the last round, and write the means of their cameras into the run folder.

    Nothing is written where cameras are unknown or switched off, where vectors have lengths of their own, or where
    the means of this round are there.

    Raises:
        StorageError: the run folder cannot be written.
    """
    if not run.recipe.cameras or crops.cameras is None or camera_means_of(run) is not None:
        return
    device = scoring_device(run)
    encoder = run.encoder().to(device)
    if encoder.raw:
        return
    features = extract(encoder, crops, device, view.phase("means of cameras", len(crops)))
    means = CameraMeans.measure(features.numpy, crops.cameras, crops.table.camera_names, crops.tracklets)
    write_camera_means(run.folder / CAMERAS, means, rounds_text(run))
