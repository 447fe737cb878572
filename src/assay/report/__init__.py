"""The report of a release: its card as one page with pictures that needs nothing but a browser. It decides nothing."""
