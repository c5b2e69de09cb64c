"""Parts of the Python function server. Nothing here is an interface for functions."""
