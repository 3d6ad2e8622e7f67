"""Pure rules: windows, resources, capacity, placement, booking rules, the ledger and the reconcile decision. No I/O, no clock."""
