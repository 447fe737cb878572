"""The immutable bundle (write, read, verify) and the pure core: decode -> features -> scores -> decide."""
