"""Private Tor network, measurements and benchmarks."""
