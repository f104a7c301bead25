"""Packages that only some commands need."""

from importlib import import_module
from types import ModuleType

from reseen.errors import SettingsError


def require_package(module: str, extra: str) -> ModuleType:
    """Import a module that an extra of reseen brings.

    Raises:
        SettingsError: it is not installed; the message says how.
    """
    try:
        return import_module(module)
    except ImportError:
        raise SettingsError(
            f"this needs {module.partition('.')[0]}, which is not installed: pip install 'reseen[{extra}]'"
        ) from None
