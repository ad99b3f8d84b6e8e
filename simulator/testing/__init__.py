"""Testing: saasim in a user's own test suite, as a plugin of pytest."""
