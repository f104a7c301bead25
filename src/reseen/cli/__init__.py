"""The command line. A command's module is imported when it is asked for, so that `--help` answers at once."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 2 for a fault that a message explains, 130 for Ctrl-C."""
    from reseen.cli.app import build_app
    from reseen.errors import ReseenError

    app = build_app()
    try:
        result = app(list(sys.argv[1:] if arguments is None else arguments), result_action="return_value")
    except ReseenError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("stopped; what is written so far is whole and usable", 130)
    except BrokenPipeError:
        return 0
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int = 2) -> int:
    sys.stdout.flush()
    print("reseen: " + " ".join(message.split()), file=sys.stderr)
    return code
