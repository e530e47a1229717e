"""The gRPC services, what each RPC answers, and how requests are let in."""
