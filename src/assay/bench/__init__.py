"""What a release can do on this machine: a server and a load of its own, the cost of each stage, advice on size."""
