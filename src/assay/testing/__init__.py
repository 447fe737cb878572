"""Public contract suites and fakes for people who write adapters."""
