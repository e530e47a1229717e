"""Which versions of which models are loaded, and how they come and go without a failed request."""
