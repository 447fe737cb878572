"""One file a migration; they only go forward."""
