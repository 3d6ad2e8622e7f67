"""The portal's pages, by topic."""
