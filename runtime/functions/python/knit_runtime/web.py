"""The HTTP side: routes requests to `/_knit/invoke`, `/_knit/event/<kind>`, CloudEvents, plain HTTP."""

import base64
import inspect
import json
import os
import signal
import socket
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import cloud_event, http_payload, logs
from .context import Context
from .errors import describe_error, fail_to_start

# Bodies are held whole; Lambda's own limit is 6 MB.
BODY_BYTES_MAX = 64 * 1024 * 1024
# Longer than any client of ours keeps an idle connection, so that the client closes first.
KEEP_ALIVE_SECONDS = 620
INVOKE_PATH = "/_knit/invoke"
EVENT_PREFIX = "/_knit/event/"
# Answers without calling the handler: for who wants to know whether the server is up.
HEALTH_PATH = "/_knit/health"


class _BodyError(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, handler_class):
        # The unspecified IPv6 address takes IPv4 too, where there is IPv6 at all.
        if address[0] == "" and socket.has_dualstack_ipv6():
            self.address_family = socket.AF_INET6
        elif ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler_class)

    def server_bind(self):
        if self.address_family == socket.AF_INET6 and self.server_address[0] == "":
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Not HTTPServer's own: it looks the host's name up, which may take seconds without DNS.
        socket_server_bind(self)
        self.server_name = "localhost"
        self.server_port = self.server_address[1]


def socket_server_bind(server):
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.socket.bind(server.server_address)
    server.server_address = server.socket.getsockname()


def serve(handler, config):
    """Runs until SIGTERM, then lets what is in flight finish and exits with 0."""
    state = _State()
    try:
        server = _Server((config.host, config.port), _make_handler(_Function(handler, config), state))
    except OSError as error:
        fail_to_start(error)

    def drain(_signal, _frame):
        state.is_draining = True
        # shutdown() waits for the loop that this very thread is in.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, drain)
    server.serve_forever(poll_interval=0.1)
    server.socket.close()
    state.wait_until_idle()
    sys.stdout.flush()
    # Threads that hold idle connections would keep the interpreter.
    os._exit(0)


class _State:
    def __init__(self):
        self.is_draining = False
        self._in_flight = 0
        self._changed = threading.Condition()

    def __enter__(self):
        with self._changed:
            self._in_flight += 1

    def __exit__(self, *_):
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def wait_until_idle(self):
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0)


class _Function:
    """The user's function and how to call it."""

    def __init__(self, function, config):
        self.config = config
        self._function = function
        self._takes_context = config.style == "lambda" or _positional_count(function) > 1

    def call(self, event, call):
        if self._takes_context:
            return self._function(event, Context(self.config, call.request_id, call.client_context))
        return self._function(event)


def _positional_count(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in kinds for parameter in parameters)


class _Call:
    def __init__(self, headers):
        self.request_id = (
            headers.get("x-amzn-requestid") or headers.get("x-request-id") or str(uuid.uuid4())
        )
        self.client_context = None
        try:
            encoded = headers.get("x-amz-client-context")
            self.client_context = json.loads(base64.b64decode(encoded)) if encoded else None
        except ValueError:
            pass  # Lambda drops what it cannot read as well.


def _report(error, call):
    described = describe_error(error, call.request_id)
    trace = "".join(described["stackTrace"])
    sys.stderr.write("[ERROR] %s: %s\n%s" % (described["errorType"], error, trace))
    sys.stderr.flush()
    return described


def _make_handler(function, state):
    config = function.config

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = KEEP_ALIVE_SECONDS
        # Head and body of an answer leave in one segment.
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *_args):
            pass  # The gateway logs requests.

        def handle_one_request(self):
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline:
                self.close_connection = True
                return
            if len(self.raw_requestline) > 65536 or not self.parse_request():
                self.close_connection = True
                return
            with state:
                self._handle()
                self.wfile.flush()

        def _handle(self):
            try:
                body = self._read_body()
            except _BodyError as error:
                self.close_connection = True
                self._send_json(error.status, {"error": "BadBody", "message": str(error)})
                return
            record = http_payload.Record(
                self.command,
                self.path,
                self.request_version,
                list(self.headers.items()),
                body,
                self.client_address[0].replace("::ffff:", ""),
            )
            call = _Call(record.headers)
            token = logs.request_id.set(call.request_id)
            try:
                self._route(record, call)
            finally:
                logs.request_id.reset(token)
                sys.stdout.flush()

        def _route(self, record, call):
            if record.path == HEALTH_PATH:
                self._send(204, [], b"")
            elif record.path == INVOKE_PATH:
                self._invoke(record, call)
            elif record.path.startswith(EVENT_PREFIX):
                self._deliver(record, call, record.path[len(EVENT_PREFIX) :])
            elif record.method == "POST" and cloud_event.is_cloud_event(record.headers):
                self._deliver(record, call, "trigger")
            else:
                self._answer_http(record, call)

        def _invoke(self, record, call):
            try:
                event = json.loads(record.body) if record.body else {}
            except ValueError as error:
                message = "Could not parse request body into json: %s" % error
                self._send_json(400, {"Type": "User", "message": message})
                return
            headers = [
                ("x-amzn-requestid", call.request_id),
                ("x-amz-executed-version", config.function_version),
            ]
            wants_tail = record.headers.get("x-amz-log-type") == "Tail"
            capture = logs.start_capture() if wants_tail else None
            try:
                text = json.dumps(function.call(event, call))
            except Exception as error:  # Whatever the user's function raises is its result.
                text = json.dumps(_report(error, call))
                headers.append(("x-amz-function-error", "Unhandled"))
            if capture:
                headers.append(("x-amz-log-result", logs.end_capture(capture)))
            self._send(200, headers + [("content-type", "application/json")], text.encode())

        def _deliver(self, record, call, kind):
            if kind not in cloud_event.EVENT_KINDS:
                message = 'this function server has no event kind "%s", only %s' % (
                    kind,
                    ", ".join(cloud_event.EVENT_KINDS),
                )
                self._send_json(404, {"error": "UnknownEventKind", "message": message})
                return
            try:
                event = cloud_event.parse_cloud_event(record)
            except cloud_event.InvalidCloudEvent as error:
                self._send_json(400, {"error": "InvalidCloudEvent", "message": str(error)})
                return
            try:
                result = function.call(cloud_event.make_event_payload(kind, event, config), call)
                is_reply = cloud_event.is_reply(result)
                reply = cloud_event.encode_reply(result, config.event_source) if is_reply else None
            except Exception as error:  # The sender retries.
                self._send_json(500, _report(error, call))
                return
            if reply:
                self._send(200, *reply)
            else:
                self._send(204, [], b"")

        def _answer_http(self, record, call):
            source = http_payload.source_of(self.headers.get("knit-event-source"))
            event = http_payload.make_http_event(
                source, record, self.headers.get("knit-route-key"), call.request_id, config
            )
            try:
                response = http_payload.convert_result(source, function.call(event, call))
            except http_payload.Malformed as error:
                sys.stderr.write("%s\tERROR\tMalformed response: %s\n" % (call.request_id, error))
                response = http_payload.error_response(source)
            except Exception as error:  # Whatever the user's function raises.
                _report(error, call)
                response = http_payload.error_response(source)
            self._send(*response)

        def _read_body(self):
            if "chunked" in self.headers.get("transfer-encoding", "").lower():
                return self._read_chunked()
            try:
                length = int(self.headers.get("content-length") or 0)
            except ValueError:
                raise _BodyError(400, "Content-Length is not a number") from None
            if not 0 <= length <= BODY_BYTES_MAX:
                raise _BodyError(413, "the body is larger than %d bytes" % BODY_BYTES_MAX)
            body = self.rfile.read(length)
            if len(body) < length:
                raise _BodyError(400, "the connection ended within the body")
            return body

        def _read_chunked(self):
            body = bytearray()
            while True:
                try:
                    size = int(self.rfile.readline(1024).split(b";")[0], 16)
                except ValueError:
                    raise _BodyError(400, "a chunk size is not a number") from None
                if size == 0:
                    while self.rfile.readline(65537).strip():
                        pass  # Trailers.
                    return bytes(body)
                if len(body) + size > BODY_BYTES_MAX:
                    raise _BodyError(413, "the body is larger than %d bytes" % BODY_BYTES_MAX)
                body += self.rfile.read(size)
                self.rfile.readline(3)

        def _send_json(self, status, value):
            headers = [("content-type", "application/json")]
            self._send(status, headers, json.dumps(value).encode())

        def _send(self, status, headers, body):
            self.send_response_only(status)
            for name, value in headers:
                # A line break in a value would let a function's input write headers.
                self.send_header(name, value.replace("\r", " ").replace("\n", " "))
            has_body = status >= 200 and status not in (204, 304)
            if has_body:
                self.send_header("content-length", str(len(body)))
            if state.is_draining:
                self.send_header("connection", "close")
            self.end_headers()
            if has_body and self.command != "HEAD":
                self.wfile.write(body)

    return Handler
