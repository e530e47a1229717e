"""TF Serving's REST API: what a path and a body mean, and an HTTP server for it."""
