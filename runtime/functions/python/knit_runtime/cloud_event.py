"""CloudEvents 1.0 over HTTP as a function sees them: a dict of attributes and `data`. Pure."""

import base64
import json
import re
import uuid
from datetime import datetime, timezone
from urllib.parse import quote, unquote

EVENT_KINDS = ("trigger", "schedule", "eventBridge", "cloudwatchEvent")
STRUCTURED = re.compile(r"^application/cloudevents", re.IGNORECASE)
JSON_TYPE = re.compile(r"^[^;]*[/+]json\s*(;|$)", re.IGNORECASE)


class InvalidCloudEvent(Exception):
    """What a receiver has to answer with 400."""


def is_cloud_event(headers):
    return "ce-specversion" in headers or bool(STRUCTURED.match(headers.get("content-type", "")))


def parse_cloud_event(record):
    kind = record.headers.get("content-type", "")
    event = _structured(kind, record.body) if STRUCTURED.match(kind) else _binary(record)
    for name in ("specversion", "id", "source", "type"):
        if not isinstance(event.get(name), str) or event[name] == "":
            raise InvalidCloudEvent("the CloudEvent attribute %s is missing" % name)
    return event


def _structured(kind, body):
    if kind.lower().startswith("application/cloudevents-batch"):
        raise InvalidCloudEvent("batched CloudEvents are not accepted")
    try:
        event = json.loads(body)
    except ValueError as error:
        raise InvalidCloudEvent("the structured CloudEvent is not JSON: %s" % error) from error
    if not isinstance(event, dict):
        raise InvalidCloudEvent("the structured CloudEvent is not a JSON object")
    return {name: value for name, value in event.items() if value is not None}


def _binary(record):
    event = {
        name[3:]: _decode_header(value)
        for name, value in record.headers.items()
        if name.startswith("ce-")
    }
    kind = record.headers.get("content-type")
    if kind is not None:
        event["datacontenttype"] = kind
    if not record.body:
        return event
    if kind is None or JSON_TYPE.match(kind):
        try:
            event["data"] = json.loads(record.body)
        except ValueError as error:
            raise InvalidCloudEvent(
                "the data is not JSON, as its content type says: %s" % error
            ) from error
    elif re.match(r"^(text/|application/xml\b|.*\+xml\b)", kind, re.IGNORECASE):
        event["data"] = record.body.decode("utf-8", "replace")
    else:
        event["data_base64"] = base64.b64encode(record.body).decode()
    return event


def _decode_header(value):
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return unquote(value)


def make_event_payload(kind, event, config):
    """What the handler gets for this kind; see runtime/functions/node/payload/event-kinds.mjs."""
    if kind == "trigger":
        return event
    if kind == "schedule":
        if event.get("data") is not None:
            return event["data"]
        return _envelope(event, "Scheduled Event", "aws.events", config)
    return _envelope(event, event["type"], event["source"], config)


def _envelope(event, kind, source, config):
    return {
        "version": "0",
        "id": event["id"],
        "detail-type": kind,
        "source": source,
        "account": config.account_id,
        "time": re.sub(r"\.\d+(?=Z$)", "", event.get("time", "1970-01-01T00:00:00Z")),
        "region": config.region,
        "resources": [event["subject"]] if "subject" in event else [],
        "detail": event.get("data") or {},
    }


def is_reply(result):
    if not isinstance(result, dict) or not isinstance(result.get("type"), str):
        return False
    has_attributes = isinstance(result.get("specversion"), str) and "source" in result
    return result["type"] != "" and (has_attributes or "data" in result)


def encode_reply(result, source):
    """(header pairs, body bytes) in binary mode; missing attributes are filled in."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": source, "time": now}
    attributes.update(
        (name, value)
        for name, value in result.items()
        if value not in (None, "")
        and re.match(r"^[a-z0-9]+$", name)
        and name not in ("data", "datacontenttype")
        and not isinstance(value, (dict, list))
    )
    headers = [("ce-" + name, _encode_header(value)) for name, value in attributes.items()]
    data = result.get("data")
    kind = result.get("datacontenttype")
    if isinstance(result.get("data_base64"), str):
        body = base64.b64decode(result["data_base64"])
        return headers + [("content-type", kind or "application/octet-stream")], body
    if data is None:
        return headers, b""
    if isinstance(data, (bytes, bytearray)):
        return headers + [("content-type", kind or "application/octet-stream")], bytes(data)
    kind = kind or "application/json"
    is_text = isinstance(data, str) and not JSON_TYPE.match(kind)
    return headers + [("content-type", kind)], (data if is_text else json.dumps(data)).encode()


def _encode_header(value):
    text = str(value).lower() if isinstance(value, bool) else str(value)
    safe = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
    return quote(text, safe=safe)
