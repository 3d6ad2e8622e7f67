"""Use cases: book, extend, cancel, reconcile. They know the ``Site`` port, never a concrete site."""
