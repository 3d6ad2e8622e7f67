"""A real OpenStack on loopback, for tests and for trying Almanac against a cloud.

Keystone, Placement, Glance, Nova, Neutron and Blazar as they come from the package index, with MariaDB and RabbitMQ from
Debian. Only hypervisors and wires are missing: servers are booted by Nova's own fake driver, and ports are bound at once.
Standard library only; what lies in ``inside`` runs in the cloud's own virtual environment.
"""
