"""Files larger than memory: rows in, answers or errors out. The record is the manifest beside them, not the log."""
