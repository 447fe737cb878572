"""The prediction log: the durable spool, the shipper that empties it, the sinks where it ends; outcomes."""
