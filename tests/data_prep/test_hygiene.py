"""Every rule against its own tables, and the filter through its public door. All texts are invented."""
