"""What renders the documentation of this repository; it is not part of the package."""
