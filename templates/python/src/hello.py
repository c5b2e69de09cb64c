"""The event has the shape of API Gateway's HTTP API, payload 2.0."""


def handler(event, context):
    name = (event.get("pathParameters") or {}).get("name", "world")
    return {"message": f"Hello, {name}"}
