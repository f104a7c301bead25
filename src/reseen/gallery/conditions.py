"""A condition from what somebody typed."""

import difflib
from collections.abc import Iterable, Sequence

from reseen.errors import SettingsError
from reseen.gallery.moments import parse_window
from reseen.gallery.where import Where


def typed_condition(
    cameras: Sequence[str] | None,
    after: str | None,
    before: str | None,
    clusters: Sequence[int] | None,
    known_cameras: Iterable[str | None],
) -> Where:
    """The condition; what is None or empty does not count.

    Raises:
        SettingsError: a time that is none, a window that is empty, or a camera that is not among those known.
    """
    known = sorted(name for name in known_cameras if name is not None)
    for camera in cameras or ():
        if camera not in known:
            near = difflib.get_close_matches(camera, known, n=1, cutoff=0.5)
            said = f"did you mean {near[0]}?" if near else f"it has {', '.join(known[:20]) or 'none'}"
            raise SettingsError(f"no camera '{camera}' in this gallery; {said}")
    first, last = parse_window(after, before)
    return Where(
        cameras=tuple(cameras) if cameras else None,
        after=first,
        before=last,
        clusters=tuple(clusters) if clusters else None,
    )
