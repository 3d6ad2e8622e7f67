"""The local site: real Spark clusters as supervised, isolated processes on this machine.

``almanac.sites.local.site.LocalSite`` is the way in. Nothing is imported here, so that the keeper, a process per
cluster that loads only the standard library, stays small and quick to start.
"""
