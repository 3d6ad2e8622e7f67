"""What goes wrong on a machine, in words that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from almanac.core.errors import AlmanacError
from almanac.core.ports import Temporary

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the operating system's errors, and Almanac's own such as no Java, into what a site may raise.

    Args:
        doing: what was being done, after "could not".

    Raises:
        Temporary: it can be tried again; the reason says what would help.
    """
    try:
        yield
    except AlmanacError as error:
        raise Temporary(f"{error.message} {error.hint}".strip()) from error
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise Temporary(f"There is no space left to {doing}; free some, and it goes on by itself.") from error
        name = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
        raise Temporary(f"Could not {doing}: {error.strerror or error}{name}.") from error
