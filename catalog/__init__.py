"""What: products and their pictures."""
