"""Publish an encoder on the Hugging Face Hub, and load a published one."""

import tempfile
from pathlib import Path

from reseen.errors import ExportError, WeightsError
from reseen.export.pretrained import FILES, PretrainedEncoder, load
from reseen.optional_dependencies import require_package
from reseen.runs.model_card import model_card
from reseen.runs.run import Run, open_run


def from_pretrained(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
    endpoint: str | None = None,
) -> PretrainedEncoder:
    """An encoder from a folder, or from the Hugging Face Hub; only data is read, no code.

    Args:
        name_or_path: a run folder, the folder of a saved encoder, or a name on the Hub such as `owner/name`.
        revision: branch, tag or commit on the Hub; its main branch when None.
        token: an access token for private models; that of `hf auth login` when None.
        cache_dir: folder of downloads; that of the Hub's client when None.
        endpoint: address of a Hub of your own; the public one when None.

    Raises:
        RunError: a folder is neither a run nor a saved encoder.
        WeightsError: the Hub cannot be reached, has no such model, or the model is none of reseen.
        SettingsError: huggingface-hub is not installed.

    Example:
        >>> encoder = reseen.from_pretrained("owner/market-cluster-contrast")
        >>> encoder.embed("person.jpg").shape
        (2048,)
    """
    if Path(name_or_path).expanduser().is_dir():
        return load(name_or_path)
    hub = require_package("huggingface_hub", "hub")
    try:
        folder = hub.snapshot_download(
            str(name_or_path),
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            endpoint=endpoint,
            allow_patterns=list(FILES),
        )
    except Exception as error:  # the client's HTTP library has exceptions of its own
        raise WeightsError(
            f"{name_or_path}: is no folder, and cannot be loaded from the Hub ({_reason(error)}); check the name, or "
            "give a folder"
        ) from None
    return load(folder)


def push_to_hub(
    encoder: PretrainedEncoder | Run | str | Path,
    name: str,
    *,
    license: str | None = None,
    private: bool = True,
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Publish an encoder with its model card on the Hugging Face Hub, and return its address.

    Settings of the model, its weights and the card are uploaded; nothing else of a run, and no crop.

    Args:
        encoder: an encoder, or a run or its folder.
        name: name on the Hub, `owner/name`; the repository is created if it does not exist.
        license: a license identifier of the Hub, such as `apache-2.0`, for the card of a run; None to state none.
        private: create the repository so that only its owner sees it.
        token: an access token that may write; that of `hf auth login` when None.
        endpoint: address of a Hub of your own; the public one when None.

    Raises:
        ExportError: the Hub cannot be reached, or refuses the upload.
        RunError: the folder is no run, or is damaged.
        SettingsError: huggingface-hub is not installed.

    Example:
        >>> reseen.push_to_hub("runs/market", "owner/market-cluster-contrast", license="apache-2.0")
        'https://huggingface.co/owner/market-cluster-contrast'
    """
    hub = require_package("huggingface_hub", "hub")
    if isinstance(encoder, PretrainedEncoder):
        card = encoder.card
    else:
        run = encoder if isinstance(encoder, Run) else open_run(encoder)
        encoder, card = load(run), model_card(run, license, name)
    api = hub.HfApi(endpoint=endpoint, token=token, library_name="reseen")
    with tempfile.TemporaryDirectory(prefix="reseen-hub-") as temporary:
        folder = PretrainedEncoder(encoder.encoder, encoder.settings, card, encoder.white_level).save(
            temporary
        )
        try:
            address = api.create_repo(name, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=name,
                folder_path=folder,
                allow_patterns=list(FILES),
                commit_message="Upload an encoder of reseen",
            )
        except Exception as error:  # the client's HTTP library has exceptions of its own
            raise ExportError(
                f"{name}: cannot be published ({_reason(error)}); check the name, the network, and the token of "
                "`hf auth login`"
            ) from None
    return str(address)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
