"""Payloads of API Gateway (v1, v2), function URLs and ALBs, and their responses. Pure.

The same rules as runtime/functions/node/payload, which says why each is as it is.
"""

import base64
import json
import re
import time
from urllib.parse import parse_qsl, unquote

TEXT_TYPE = re.compile(
    r"^(text/|application/(json|javascript|xml|.*\+json|.*\+xml)\b)", re.IGNORECASE
)
FORM_TYPE = re.compile(r"^application/x-www-form-urlencoded\b", re.IGNORECASE)
DROPPED_HEADERS = {"connection", "content-length", "transfer-encoding", "keep-alive"}
ERROR_STATUS = {"http": 502, "alb": 502, "httpApi": 500, "url": 502}


class Malformed(Exception):
    """A result for which the platform answers 502."""


class Record:
    """An HTTP request as data; header pairs without those that only Knit uses."""

    def __init__(self, method, target, protocol, header_pairs, body, remote_address):
        self.method = method
        self.path, _, self.raw_query = target.partition("?")
        self.protocol = protocol
        self.header_pairs = [
            (name, value) for name, value in header_pairs if not name.lower().startswith("knit-")
        ]
        self.headers = {}
        for name, value in self.header_pairs:
            key = name.lower()
            joint = "; " if key == "cookie" else ","
            self.headers[key] = self.headers[key] + joint + value if key in self.headers else value
        self.body = body
        forwarded = self.headers.get("x-forwarded-for", "").split(",")[0].strip()
        self.source_ip = forwarded or remote_address

    @property
    def domain(self):
        return re.sub(r":\d+$", "", self.headers.get("host", "localhost"))


def source_of(header):
    return header if header in ("http", "httpApi", "alb") else "url"


def make_http_event(source, record, route_key, request_id, config):
    if source == "http":
        return _rest_api(record, route_key, request_id, config)
    if source == "alb":
        return _alb(record, config)
    return _http_api(record, route_key if source == "httpApi" else None, request_id, config)


def _http_api(record, route_key, request_id, config):
    route_key = route_key or "$default"
    now = time.time()
    headers = dict(record.headers)
    cookie = headers.pop("cookie", None)
    body, is_base64 = encode_body(record, form_is_text=False)
    event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": record.path,
        "rawQueryString": record.raw_query,
        "headers": headers,
        "requestContext": {
            "accountId": config.account_id,
            "apiId": record.domain.split(".")[0],
            "domainName": record.domain,
            "domainPrefix": record.domain.split(".")[0],
            "http": {
                "method": record.method,
                "path": record.path,
                "protocol": record.protocol,
                "sourceIp": record.source_ip,
                "userAgent": record.headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": request_time(now),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": is_base64,
    }
    if cookie is not None:
        event["cookies"] = [part for part in re.split(r";\s*", cookie) if part]
    query = all_values(parse_query(record.raw_query))
    if query:
        event["queryStringParameters"] = {name: ",".join(many) for name, many in query.items()}
    parameters = path_parameters(route_key, record.path)
    if parameters:
        event["pathParameters"] = parameters
    if body is not None:
        event["body"] = body
    return event


def _rest_api(record, route_key, request_id, config):
    now = time.time()
    query = parse_query(record.raw_query)
    resource = route_key.split(" ", 1)[1] if route_key and " " in route_key else record.path
    stage = "dev" if config.stage == "$default" else config.stage
    body, is_base64 = encode_body(record, form_is_text=True)
    identity = dict.fromkeys(
        "accessKey accountId caller cognitoAuthenticationProvider cognitoAuthenticationType "
        "cognitoIdentityId cognitoIdentityPoolId principalOrgId user userArn".split()
    )
    identity["apiKey"] = record.headers.get("x-api-key")
    identity["sourceIp"] = record.source_ip
    identity["userAgent"] = record.headers.get("user-agent")
    return {
        "resource": resource,
        "path": record.path,
        "httpMethod": record.method,
        "headers": dict(record.header_pairs) or None,
        "multiValueHeaders": all_values(record.header_pairs) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": all_values(query) or None,
        "pathParameters": path_parameters(route_key, record.path),
        "stageVariables": None,
        "requestContext": {
            "accountId": config.account_id,
            "apiId": record.domain.split(".")[0],
            "domainName": record.domain,
            "domainPrefix": record.domain.split(".")[0],
            "extendedRequestId": request_id,
            "httpMethod": record.method,
            "identity": identity,
            "path": "/" + stage + record.path,
            "protocol": record.protocol,
            "requestId": request_id,
            "requestTime": request_time(now),
            "requestTimeEpoch": int(now * 1000),
            "resourceId": "knit",
            "resourcePath": resource,
            "stage": stage,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def _alb(record, config):
    body, is_base64 = encode_body(record, form_is_text=True)
    query = {}
    for pair in filter(None, record.raw_query.split("&")):
        name, _, value = pair.partition("=")
        query[name] = value
    return {
        "requestContext": {
            "elb": {
                "targetGroupArn": "arn:aws:elasticloadbalancing:%s:%s:targetgroup/%s/knit"
                % (config.region, config.account_id, config.function_name)
            }
        },
        "httpMethod": record.method,
        "path": record.path,
        "queryStringParameters": query,
        "headers": record.headers,
        "body": body or "",
        "isBase64Encoded": is_base64,
    }


def encode_body(record, form_is_text):
    """(text, False) for text types that are valid UTF-8, else (base64, True); (None, False) without."""
    if not record.body:
        return None, False
    kind = record.headers.get("content-type", "text/plain")
    is_text = TEXT_TYPE.match(kind) or (form_is_text and FORM_TYPE.match(kind))
    if is_text and record.headers.get("content-encoding", "identity") == "identity":
        try:
            return record.body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass  # It claims to be text and is not.
    return base64.b64encode(record.body).decode(), True


def parse_query(raw_query):
    return parse_qsl(raw_query, keep_blank_values=True)


def all_values(pairs):
    result = {}
    for name, value in pairs:
        result.setdefault(name, []).append(value)
    return result


def path_parameters(route_key, path):
    """Decoded parameters of a route such as `GET /orders/{id}/{proxy+}`; None when it has none."""
    template = route_key.split(" ", 1)[-1] if route_key else ""
    if "{" not in template:
        return None
    values = [part for part in path.split("/") if part]
    result = {}
    for index, name in enumerate(part for part in template.split("/") if part):
        match = re.match(r"^\{(.+?)(\+?)\}$", name)
        if not match:
            continue
        if match.group(2):
            result[match.group(1)] = "/".join(unquote(part) for part in values[index:])
            return result
        if index >= len(values):
            return None
        result[match.group(1)] = unquote(values[index])
    return result or None


def request_time(now):
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))


def convert_result(source, result):
    """(status, header pairs, body bytes); raises Malformed."""
    if source in ("http", "alb"):
        return _convert_strict(result)
    if not (isinstance(result, dict) and "statusCode" in result):
        text = result if isinstance(result, str) else json.dumps(result)
        return 200, [("content-type", "application/json")], text.encode()
    headers = _collect_headers(result)
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or []]
    body = result.get("body")
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    default = "application/json" if source == "url" else "text/plain;charset=utf-8"
    return _status(result), _with_type(headers, default), _decode(text, result)


def _convert_strict(result):
    if not isinstance(result, dict):
        raise Malformed(
            "the handler returned %s, must be a dict with statusCode" % type(result).__name__
        )
    body = result.get("body")
    if body is not None and not isinstance(body, str):
        raise Malformed("body is of type %s, must be a str: use json.dumps" % type(body).__name__)
    headers = _with_type(_collect_headers(result), "application/json")
    return _status(result), headers, _decode(body or "", result)


def error_response(source):
    if source == "alb":
        return 502, [("content-type", "text/html")], b"<h1>502 Bad Gateway</h1>"
    message = "Internal server error" if source == "http" else "Internal Server Error"
    body = json.dumps({"message": message}).encode()
    return ERROR_STATUS[source], [("content-type", "application/json")], body


def _status(result):
    value = result.get("statusCode")
    try:
        status = int(value)
    except (TypeError, ValueError):
        status = 0
    if not 100 <= status <= 599:
        raise Malformed("statusCode is %r, must be an integer in [100, 599]" % (value,))
    return status


def _collect_headers(result):
    collected = {}
    for name, value in (result.get("headers") or {}).items():
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            collected[name.lower()] = [(name, text)]
    for name, values in (result.get("multiValueHeaders") or {}).items():
        many = values if isinstance(values, list) else [values]
        collected[name.lower()] = [(name, str(value)) for value in many]
    return [
        pair for name, pairs in collected.items() if name not in DROPPED_HEADERS for pair in pairs
    ]


def _with_type(headers, default):
    if any(name.lower() == "content-type" for name, _ in headers):
        return headers
    return headers + [("content-type", default)]


def _decode(text, result):
    return base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
