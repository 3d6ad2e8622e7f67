"""Routes by topic. A handler asks a service and returns its view; rules and checks live in the services."""
