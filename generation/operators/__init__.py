"""What operators see of provider accounts and do with them: keys, pauses, traffic, costs."""
