"""Where nodes come from: one package or module per kind of site, each filling ``core.ports.Site``."""
