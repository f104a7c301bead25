"""Numba-compiled functions whose machine code is cached on disk: beside the source, in the user's cache, or not at all.

Numba caches machine code as pickles, which can execute code when loaded. It is therefore only cached in folders that no
other user can write to.
"""

import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import config, njit

from reseen.user_folders import cache_base, is_private

_SETTINGS: Any = config
"""Numba's configuration; its attributes are created at import, so type checkers do not see them."""


def compiled(**options: Any) -> Callable[[Any], Any]:
    """A decorator: Numba's `njit` with caching, `nogil`, and `options`.

    It compiles the undecorated function, because shape checkers may have wrapped it. If neither the source folder nor
    Numba's user cache is writable, machine code is cached in reseen's own cache folder; if that is not writable either,
    the function is compiled again in every process.

    Example:
        >>> @compiled(fastmath=True)
        ... def total(values): ...
    """

    def compile_function(function: Any) -> Any:
        bare = inspect.unwrap(function)
        with suppress(RuntimeError):  # Numba raises it when no cache folder is writable
            return _ignore_save_errors(njit(cache=True, nogil=True, **options)(bare))
        before = _SETTINGS.CACHE_DIR
        with suppress(RuntimeError, OSError):
            _SETTINGS.CACHE_DIR = str(_own_folder())
            try:
                return _ignore_save_errors(njit(cache=True, nogil=True, **options)(bare))
            finally:
                _SETTINGS.CACHE_DIR = before
        return njit(nogil=True, **options)(bare)

    return compile_function


def cache_path(function: Any) -> Path | None:
    """The folder in which the machine code of a compiled function is cached; None if it is not cached."""
    folder = function.stats.cache_path
    return None if folder is None else Path(folder)


def _ignore_save_errors(function: Any) -> Any:
    """Make a compiled function ignore errors while its machine code is saved, such as a full disk."""
    cache = function._cache
    save = cache.save_overload

    def save_if_possible(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    cache.save_overload = save_if_possible
    return function


def _own_folder() -> Path:
    """The folder for machine code inside reseen's cache folder, private to this user.

    Raises:
        OSError: the folder cannot be created, or other users can write to it.
    """
    folder = cache_base() / "numba"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_private(folder):
        raise PermissionError(f"others may write to {folder}")
    return folder
