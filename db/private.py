"""Files that are for their owner alone: a store holds customers' addresses, and keys' hashes."""

import logging
import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO

log = logging.getLogger("tessera")


def keep(*files: Path) -> None:
    """Take from everybody else what they may do with these files, as far as they are there and ours.

    Somebody else's file is left as it is, with a warning.
    """
    for file in files:
        try:
            now = file.stat()
        except OSError:
            continue
        if not now.st_mode & OTHERS:
            continue
        if now.st_uid == os.geteuid():
            file.chmod(stat.S_IMODE(now.st_mode) & ~OTHERS)
        else:
            log.warning(
                "%s may be read by others here, and is not ours to change: its owner can, by chmod go= FILE", file
            )
