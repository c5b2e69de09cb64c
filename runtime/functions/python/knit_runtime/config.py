"""Reads the function server's configuration from the environment, with every default in one place."""

# Knative's default request timeout, for functions deployed without one.
TIMEOUT_SECONDS_DEFAULT = 300
STYLES = ("lambda", "cloudevent")


class Config:
    """Values as the other parts use them; raises ValueError naming the variable that is wrong."""

    def __init__(self, env):
        self.port = int(env.get("PORT") or 8080)
        self.host = env.get("HOST") or ""
        self.handler = env.get("_HANDLER") or "handler.handler"
        self.task_root = env.get("LAMBDA_TASK_ROOT") or "/var/task"
        self.style = env.get("KNIT_STYLE") or "lambda"
        if self.style not in STYLES:
            raise ValueError(
                "KNIT_STYLE is %s, must be one of %s for Python" % (self.style, ", ".join(STYLES))
            )
        self.timeout_seconds = float(env.get("KNIT_TIMEOUT_SECONDS") or TIMEOUT_SECONDS_DEFAULT)
        self.function_name = (
            env.get("AWS_LAMBDA_FUNCTION_NAME") or env.get("K_SERVICE") or "function"
        )
        self.function_version = (
            env.get("AWS_LAMBDA_FUNCTION_VERSION") or env.get("K_REVISION") or "$LATEST"
        )
        self.memory_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or "1024"
        self.region = env.get("AWS_REGION") or "us-east-1"
        self.account_id = env.get("AWS_ACCOUNT_ID") or "000000000000"
        self.stage = env.get("KNIT_STAGE") or "$default"
        self.log_group_name = (
            env.get("AWS_LAMBDA_LOG_GROUP_NAME") or "/aws/lambda/" + self.function_name
        )
        self.log_stream_name = (
            env.get("AWS_LAMBDA_LOG_STREAM_NAME") or env.get("HOSTNAME") or "local"
        )
        namespace = env.get("KNIT_NAMESPACE")
        self.event_source = "%s/services/%s" % (
            "/apis/v1/namespaces/" + namespace if namespace else "",
            env.get("K_SERVICE") or self.function_name,
        )


def read_config(env):
    return Config(env)
