"""The lease plan, solved: the pure program of ``core.plan_program`` handed to HiGHS."""
