"""Pages and endpoints of the catalog."""
