"""The bridge over NATS: many participant servers (gateways) and kernels, joined by a broker."""
