"""How a scan is printed: one module per format, each a constant of type :class:`~hardcode_hunter.plugins.Format`."""
