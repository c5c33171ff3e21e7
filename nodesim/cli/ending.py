"""How does a command end that somebody stops?"""

from __future__ import annotations

import signal


def terminate_like_interrupt() -> None:
    """From now on SIGTERM (systemd, containers, kill) is what Ctrl-C is: everything is closed, and the exit code 130.

    trio hears of Ctrl-C only through its own handler, so the signal is passed on instead of raised.  A shell that
    starts a command in the background lets it ignore Ctrl-C; then trio would not hear of it at all.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
