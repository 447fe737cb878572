"""The online path: gather -> release core -> commit; follows deployments, keeps releases warm."""
