"""The chaos test's parts: what is launched, what goes wrong, who is killed, and the books after it."""
