"""Finds and imports the handler as Lambda does: `src/hello.handler` is `handler` of `src.hello`."""

import importlib

from .errors import RuntimeFailure


def load_handler(config):
    """Returns the function; raises RuntimeFailure typed as Lambda types it."""
    name = config.handler
    if "." not in name:
        raise RuntimeFailure(
            "Runtime.MalformedHandlerName",
            "the handler is %r, must look like path/to/file.function" % name,
        )
    module_path, function_name = name.rsplit(".", 1)
    try:
        module = importlib.import_module(module_path.replace("/", "."))
    except ImportError as error:
        raise RuntimeFailure(
            "Runtime.ImportModuleError",
            "Unable to import module '%s': %s" % (module_path, error),
        ) from error
    except SyntaxError as error:
        raise RuntimeFailure(
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module '%s': %s" % (module_path, error),
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise RuntimeFailure(
            "Runtime.HandlerNotFound",
            "Handler '%s' missing on module '%s'" % (function_name, module_path),
        )
    return function
