"""Physical models as pure functions: transformer shapes, quantisation, hardware, cost, channel and exit profiles."""
