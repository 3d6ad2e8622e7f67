"""What decisions would have cost and achieved on a trace: a simulated clock, and the core that decides in production."""
