"""Template tags of jobs and presets."""
