"""A recording as a plan of decodes, and the pipeline that runs it."""
