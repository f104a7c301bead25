"""The command line. A command's module is imported when it is asked for, so that `--help` answers at once."""

import os
import sys
from collections.abc import Sequence

_MOST_LETTERS = 4_000
"""Of a message."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 2 for a fault that a message explains, 130 for Ctrl-C."""
    from cyclopts import CycloptsError

    from reseen.cli.app import build_app, explain
    from reseen.cli.encodings import accept_any_encoding
    from reseen.cli.plugins import load_plugins
    from reseen.errors import ReseenError
    from reseen.startup_line import show_startup_line

    # Before torch is loaded: threads that wait asleep instead of spinning. On a machine that others use too,
    # spinning made training up to ten times slower; on an idle one it gains nothing that could be measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    accept_any_encoding()
    show_startup_line()
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        tokens = load_plugins(tokens)
        result = build_app()(tokens, result_action="return_value", exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _fail(explain(error, tokens))
    except ReseenError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("stopped; what is written so far is whole and usable", 130)
    except BrokenPipeError:
        return 0
    except OSError as error:  # a name too long, a disk that went away: the system's word is the reason
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "out of memory" not in str(error):
            raise
        return _fail(
            "out of memory; lower method.sampler.clusters_per_batch or the size of the crops "
            "(data.height, data.width), or set train.precision to bf16-mixed on a GPU"
        )
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int = 2) -> int:
    from reseen.text import printable

    sys.stdout.flush()
    words = printable(" ".join(message.split()))
    if len(words) > _MOST_LETTERS:  # what a stranger's file says can be long
        words = f"{words[:_MOST_LETTERS]}..."
    print("reseen: " + words, file=sys.stderr)
    return code
