"""Who: people, teams, their credits. Knows neither products nor jobs."""
