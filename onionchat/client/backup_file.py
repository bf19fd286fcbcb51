"""Whether a backup that the engine has written can be seen from here.

Laws: the file is looked for and never opened.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreError


def require_written(path: Path, *, before: bool) -> None:
    """Make sure that what the engine wrote at ``path`` is there for who asked for it.

    An engine that is a service may have folders of its own below ``/tmp`` or ``/home``. It writes over no
    file: where there was one from here ``before``, it wrote elsewhere, too.

    Raises:
        StoreError: it is somewhere else.
    """
    if before or not path.is_file():
        raise StoreError(
            "the engine wrote the backup to a place that is not seen from here",
            hint="choose a file next to the vault's folder",
        )
