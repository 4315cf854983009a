"""How dates and times are written, one module per language; found by FORMAT_MODULE_PATH."""
