"""The pages of people and teams, one module per page."""
