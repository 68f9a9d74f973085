"""Work: jobs, slices, leases and results. `owner` is the submitter's side, `worker` the executing one; what both
must judge alike stands here: needs, votes and the names of failures, counts."""
