"""Whether the hub of weights can be reached, decided in seconds: its own client tries again for minutes."""

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
"""For an answer; the search for the server's address has no limit of its own, so that all of it gets twice this."""
_BUSY = 500
"""Answers from this on are of a server, or of a proxy before it, that cannot serve; the client would try again."""


def cached_weights(name: str) -> Path | None:
    """The file of a timm model's weights in the hub's cache, where the hub cannot be reached; None where it can.

    None also for models whose weights come from elsewhere.

    Raises:
        WeightsError: the hub cannot be reached and the file is not in the cache; the message says which to bring.
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
        f"model.weights: 'hub' cannot be reached for '{name}' ({reason}); on a machine that can, download {url} and "
        "give that file here with --model.weights FILE, or 'none' to start from scratch"
    )


def _why_unreachable(url: str) -> str:
    """In a few words; empty where the hub answers, whatever it says."""
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    answer: Future[str] = Future()

    def ask() -> None:
        try:
            get_hf_file_metadata(url, timeout=_SECONDS)
        except HfHubHTTPError as error:
            status = error.response.status_code
            answer.set_result(f"answer {status}" if status >= _BUSY else "")
        except Exception as error:  # of whatever library the client is built on
            answer.set_result(type(error).__name__)
        else:
            answer.set_result("")

    # A daemon, which does not keep the process from ending: the system may look for the server's name for a minute.
    Thread(target=ask, daemon=True).start()
    try:
        return answer.result(2 * _SECONDS)
    except LateError:
        return f"no answer in {2 * _SECONDS:.0f} seconds"
