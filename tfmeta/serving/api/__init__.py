"""The messages of TF Serving's API, and arrays in and out of them; no TensorFlow."""
