"""Use cases: accounts, bookings, the catalogue, the reconcile tick. They know ports, never a concrete site."""
