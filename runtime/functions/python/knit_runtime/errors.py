"""Error objects as Lambda's Python runtime reports them, and the end of a start that failed."""

import os
import sys
import traceback

# Kubernetes cuts a termination message at this size.
MESSAGE_BYTES_MAX = 4096


class RuntimeFailure(Exception):
    """A failure with the type that Lambda gives it, e.g. Runtime.HandlerNotFound."""

    def __init__(self, error_type, message):
        super().__init__(message)
        self.error_type = error_type


def describe_error(error, request_id=""):
    """{errorMessage, errorType, requestId, stackTrace}; the trace starts in the user's code."""
    frames = traceback.extract_tb(error.__traceback__)
    here = os.path.dirname(os.path.abspath(__file__))
    own = [frame for frame in frames if not frame.filename.startswith(here)]
    return {
        "errorMessage": str(error),
        "errorType": getattr(error, "error_type", type(error).__name__),
        "requestId": request_id,
        "stackTrace": traceback.format_list(own),
    }


def fail_to_start(error):
    """Says why on standard error and in the termination log, and exits with 1."""
    described = describe_error(error)
    text = "%s: %s\n" % (described["errorType"], described["errorMessage"])
    cause = error.__cause__ or error
    if not isinstance(error, RuntimeFailure) or error.__cause__:
        text += "".join(traceback.format_exception(type(cause), cause, cause.__traceback__))
    sys.stderr.write(text)
    sys.stderr.flush()
    path = os.environ.get("KNIT_TERMINATION_LOG") or "/dev/termination-log"
    # Without the check a server outside a container would create the file in /dev.
    if path != "/dev/termination-log" or os.access(path, os.W_OK):
        try:
            with open(path, "wb") as file:
                file.write(text.encode()[:MESSAGE_BYTES_MAX])
        except OSError:
            pass  # Standard error has the same text.
    os._exit(1)
