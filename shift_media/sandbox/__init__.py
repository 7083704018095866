"""Programs that read hostile files, run with limits on time, memory and output."""
