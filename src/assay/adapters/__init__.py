"""One third-party client per file or package, behind the seams of the rooms."""
