"""The picture providers' HTTP APIs, emulated, so that the product runs without a paid key."""
