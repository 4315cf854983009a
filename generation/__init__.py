"""How: presets, jobs, their results and the decisions about them."""
