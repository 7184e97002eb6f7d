"""How bytes, rows, requests and jobs move. Plumbing knows no feature."""
