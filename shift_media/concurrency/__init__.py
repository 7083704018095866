"""What threads, processes and hosts share: single flight, locks, a limiter and a TTL cache."""
