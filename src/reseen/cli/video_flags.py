"""Flags of the commands that go through videos."""

from collections.abc import Sequence


def split_flags(tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """Places, and the flags of settings with their values.

    Args:
        tokens: command-line tokens that the command does not define as options.
    """
    places: list[str] = []
    flags: list[str] = []
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if not token.startswith("--"):
            places.append(token)
            continue
        flags.append(token)
        if "=" not in token and waiting and not waiting[0].startswith("--"):
            flags.append(waiting.pop(0))
    return places, flags


def check_video_flags(flags: Sequence[str], options: Sequence[str]) -> None:
    """Reject flags that are neither an option of the command nor a setting of cropping.

    Args:
        flags: command-line tokens that the command does not define as options.
        options: names of the command's options, for suggestions.

    Raises:
        SettingsError: a flag is neither; the message suggests the nearest name.
    """
    from reseen.cli.setting_flags import check_names
    from reseen.config import Settings
    from reseen.video.settings import CropSettings

    sections = {
        name for name, field in CropSettings.model_fields.items() if isinstance(field.default, Settings)
    }
    known = [name.replace("_", "-") for name in CropSettings.model_fields if name not in sections]
    check_names(flags, options, known)


def parse_length(text: str | None) -> float | None:
    """Seconds of a length of time; None for None.

    Args:
        text: such as 90s, 10m or 2h.

    Raises:
        SettingsError: it is none.
    """
    import re

    from reseen.errors import SettingsError

    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)?", text)
    seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise SettingsError(f"--for: '{text}' is no length of time, such as 90s, 10m or 2h")
    return seconds
