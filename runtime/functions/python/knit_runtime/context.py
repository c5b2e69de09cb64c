"""The context object of Lambda's Python runtime."""

import time


class Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class ClientContext:
    def __init__(self, values):
        self.custom = values.get("custom")
        self.env = values.get("env")
        self.client = values.get("client")


class Context:
    def __init__(self, config, request_id, client_context=None):
        self.function_name = config.function_name
        self.function_version = config.function_version
        self.invoked_function_arn = "arn:aws:lambda:%s:%s:function:%s" % (
            config.region,
            config.account_id,
            config.function_name,
        )
        self.memory_limit_in_mb = config.memory_mb
        self.aws_request_id = request_id
        self.log_group_name = config.log_group_name
        self.log_stream_name = config.log_stream_name
        self.identity = Identity()
        self.client_context = ClientContext(client_context) if client_context else None
        self._deadline = time.monotonic() + config.timeout_seconds

    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - time.monotonic()) * 1000))
