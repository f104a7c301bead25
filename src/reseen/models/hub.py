"""Checks within seconds whether the Hugging Face Hub can be reached; its own client retries for minutes."""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from pathlib import Path
from threading import Thread

import timm
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError

from reseen.errors import WeightsError

_FILE = "model.safetensors"
_SECONDS = 5.0
"""Timeout of the request; resolving the host name has no timeout of its own, so the whole check gets twice this."""
_BUSY = 500
"""HTTP status codes from here on are server or proxy errors, which the client would retry."""


def cached_weights(name: str) -> Path | None:
    """Path of a timm model's weights in the local Hub cache, if the Hub cannot be reached; None if it can.

    None also for models whose weights are not on the Hub.

    Raises:
        WeightsError: the Hub cannot be reached and the file is not cached; the message gives the URL to download.
    """
    config = timm.get_pretrained_cfg(name)
    source = config.hf_hub_id if config is not None and isinstance(config.hf_hub_id, str) else ""
    if not source:
        return None
    url = hf_hub_url(source, _FILE)
    reason = _why_unreachable(url)
    if not reason:
        return None
    cached = try_to_load_from_cache(source, _FILE)
    if isinstance(cached, str):
        return Path(cached)
    raise WeightsError(
        f"model.weights: the hub cannot be reached for '{name}' ({reason}); download {url} on a machine with access "
        "and pass the file with --model.weights FILE, or use 'none' to train from scratch"
    )


def _why_unreachable(url: str) -> str:
    """Short reason why the Hub cannot be reached; empty if it responds, with whatever status below 500."""
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    outcome: Future[str] = Future()

    def request() -> None:
        try:
            get_hf_file_metadata(url, timeout=_SECONDS)
        except HfHubHTTPError as error:
            status = error.response.status_code
            outcome.set_result(f"HTTP status {status}" if status >= _BUSY else "")
        except Exception as error:  # the client's HTTP library has exceptions of its own
            outcome.set_result(type(error).__name__)
        else:
            outcome.set_result("")

    # A daemon thread does not keep the process alive: resolving the host name may take a minute.
    Thread(target=request, daemon=True).start()
    try:
        return outcome.result(2 * _SECONDS)
    except LateError:
        return f"no response in {2 * _SECONDS:.0f} seconds"
