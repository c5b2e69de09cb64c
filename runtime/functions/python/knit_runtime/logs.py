"""Output of functions: the logging setup that Lambda gives, and the tail of one invocation's output."""

import base64
import contextvars
import logging
import sys
import time

# Lambda returns the last 4 KB.
TAIL_BYTES_MAX = 4096

request_id = contextvars.ContextVar("request_id", default="")
_capture = contextvars.ContextVar("capture", default=None)


class _Tee:
    """A stream that also keeps what the current invocation prints."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        capture = _capture.get()
        if capture is not None:
            capture.extend(text.encode("utf-8", "replace"))
            del capture[:-TAIL_BYTES_MAX]
        return self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)


class _Handler(logging.Handler):
    def emit(self, record):
        sys.stdout.write(self.format(record) + "\n")


class _Formatter(logging.Formatter):
    converter = time.gmtime

    def format(self, record):
        message = super().format(record)
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        return "[%s]\t%s.%03dZ\t%s\t%s" % (
            record.levelname,
            stamp,
            record.msecs,
            request_id.get(),
            message,
        )


def install_logging():
    sys.stdout = _Tee(sys.stdout)
    sys.stderr = _Tee(sys.stderr)
    handler = _Handler()
    handler.setFormatter(_Formatter())
    logging.getLogger().addHandler(handler)


def start_capture():
    """Begins to keep this context's output; returns what end_capture takes."""
    capture = bytearray()
    return capture, _capture.set(capture)


def end_capture(started):
    """The tail in base64."""
    capture, token = started
    _capture.reset(token)
    return base64.b64encode(bytes(capture)).decode()
