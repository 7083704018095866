"""Single flight, locks, a limiter and a TTL cache for threads, processes and hosts."""
