"""A project in an OpenStack cloud: capacity leased from Blazar, machines from Nova, and best effort where there is no Blazar."""
