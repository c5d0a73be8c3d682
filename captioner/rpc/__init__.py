"""The gRPC front door: server, servicers and the Python client."""
