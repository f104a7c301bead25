"""Tell flags that set a recipe's settings from misspelled options of a command."""

from collections.abc import Sequence


def check_names(settings: Sequence[str], options: Sequence[str], known: Sequence[str]) -> None:
    """Reject misspelled options: flags that are neither an option of the command nor a setting.

    Args:
        settings: command-line tokens that the command does not define as options.
        options: names of the command's options, for suggestions.
        known: names of settings without a dot; names with a dot are always accepted here.

    Raises:
        SettingsError: a flag is neither; the message suggests the nearest name.
    """
    from reseen.config import suggestion
    from reseen.errors import SettingsError

    for flag in settings:
        name = flag.removeprefix("--").partition("=")[0]
        if flag.startswith("--") and "." not in name and name not in known:
            names = [f"--{option}" for option in (*options, *known)]
            inside = _setting_paths(name) if known else []
            if inside:
                raise SettingsError(
                    f"no option --{name}; did you mean {' or '.join(f'--{path}' for path in inside)}?"
                )
            raise SettingsError(f"no option --{name}{suggestion(f'--{name}', names)}")


def _setting_paths(name: str) -> list[str]:
    """Settings of the recipe `cluster-contrast` whose last part is `name`, such as `train.rounds` for `rounds`."""
    from reseen.runs.recipe import load_recipe

    def flatten(values: object, prefix: str) -> list[str]:
        if not isinstance(values, dict):
            return [prefix]
        return [path for key, value in values.items() for path in flatten(value, f"{prefix}.{key}")]

    paths = [path.removeprefix(".") for path in flatten(load_recipe("cluster-contrast").model_dump(), "")]
    wanted = name.replace("-", "_")
    return [path.replace("_", "-") for path in paths if "." in path and path.rpartition(".")[2] == wanted]
