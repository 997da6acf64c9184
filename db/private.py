"""File modes: a database file has customers' addresses and keys' hashes, and is for its owner alone."""

import logging
import os
import stat
from pathlib import Path

OTHERS_ACCESS = stat.S_IRWXG | stat.S_IRWXO

log = logging.getLogger("tessera")


def restrict_to_owner(*files: Path) -> None:
    """Remove the rights of group and others from those of these files that exist and belong to this user.

    Another user's file is left as it is, with a warning.
    """
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        if not status.st_mode & OTHERS_ACCESS:
            continue
        if status.st_uid == os.geteuid():
            file.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS_ACCESS)
        else:
            log.warning(
                "%s may be read by others here, and is not ours to change: its owner can, by chmod go= FILE", file
            )
