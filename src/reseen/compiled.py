"""Compiled loops, kept on disk where that is possible: beside their source, in the user's caches, or not at all.

Numba keeps what it compiled as pickles, which run code when they are read. So they are only kept where nobody but this
user can write.
"""

import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import config, njit

from reseen.user_folders import cache_base, is_private

_SETTINGS: Any = config
"""Numba's own, whose names are made when it is imported."""


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Numba's `njit`, cached, on the function as written: checkers of shapes may have wrapped it.

    Where neither the folder of the source nor the user's caches can be written, the loops are cached in reseen's own
    cache folder, and where that cannot be written either they are compiled anew in every process.
    """

    def compile_function(function: Any) -> Any:
        bare = inspect.unwrap(function)
        with suppress(RuntimeError):  # Numba's word for "no place that can be written"
            return _needing_no_room(njit(cache=True, nogil=True, **options)(bare))
        before = _SETTINGS.CACHE_DIR
        with suppress(RuntimeError, OSError):
            _SETTINGS.CACHE_DIR = str(_own_folder())
            try:
                return _needing_no_room(njit(cache=True, nogil=True, **options)(bare))
            finally:
                _SETTINGS.CACHE_DIR = before
        return njit(nogil=True, **options)(bare)

    return compile_function


def cache_path(function: Any) -> Path | None:
    """Where the machine code of a compiled function is kept; None where it is not."""
    place = function.stats.cache_path
    return None if place is None else Path(place)


def _needing_no_room(function: Any) -> Any:
    """The same function, which runs where its machine code cannot be written any more: on a full disk, for one."""
    cache = function._cache
    save = cache.save_overload

    def save_if_possible(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    cache.save_overload = save_if_possible
    return function


def _own_folder() -> Path:
    """The folder for machine code below reseen's cache folder, private to this user.

    Raises:
        OSError: it cannot be made, or others may write there.
    """
    folder = cache_base() / "numba"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_private(folder):
        raise PermissionError(f"others may write to {folder}")
    return folder
