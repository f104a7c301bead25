"""Flags that set what a recipe sets, told from misspelt options of a command."""

from collections.abc import Sequence


def check_names(settings: Sequence[str], options: Sequence[str], known: Sequence[str]) -> None:
    """Say so when an option of a command is misspelt; a setting without a dot is rare.

    Args:
        settings: what the command did not know as an option of its own.
        options: names of its options.
        known: names of settings that have no dot.

    Raises:
        SettingsError: a flag that is neither.
    """
    from reseen.config import suggestion
    from reseen.errors import SettingsError

    for flag in settings:
        name = flag.removeprefix("--").partition("=")[0]
        if flag.startswith("--") and "." not in name and name not in known:
            names = [f"--{option}" for option in (*options, *known)]
            raise SettingsError(f"no option --{name}{suggestion(f'--{name}', names)}")
