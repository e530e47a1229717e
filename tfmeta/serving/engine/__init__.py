"""Runs one loaded model: a graph and a session, asked in TF Serving's four ways."""
