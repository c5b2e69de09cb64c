"""The function server for Python 3.9 and later: imports the user's handler, then listens on PORT.

Standard library only. It listens after the import, so an open port means ready. Styles: lambda and
cloudevent; paths and payloads are those of the Node.js server. A handler that overruns its time is
not stopped (Python cannot stop a thread): the revision's timeout answers the caller.
"""

import os
import sys

# The user's modules come first, but "server" and "knit_runtime" stay importable behind them.
_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if path != _here]
sys.path.insert(0, os.environ.get("LAMBDA_TASK_ROOT") or "/var/task")
sys.path.append(_here)

from knit_runtime.config import read_config  # noqa: E402
from knit_runtime.errors import fail_to_start  # noqa: E402
from knit_runtime.handler import load_handler  # noqa: E402
from knit_runtime.logs import install_logging  # noqa: E402
from knit_runtime.web import serve  # noqa: E402


def main():
    try:
        config = read_config(os.environ)
        install_logging()
        handler = load_handler(config)
    except Exception as error:  # Whatever the user's module throws ends the start.
        fail_to_start(error)
    serve(handler, config)


main()
