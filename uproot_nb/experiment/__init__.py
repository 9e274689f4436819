"""Authors, pure: what an experimenter writes."""
