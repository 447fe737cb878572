"""What an example is: its columns, how they are inferred, and how a frame or a row is checked against them."""
