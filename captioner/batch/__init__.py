"""Jobs of many recordings: planned, run here or on a cluster, resumed, reported."""
