"""What every Python process of the cloud does first: look for cyclic garbage rarely.

A service's modules and mapped classes are half a million objects that are never garbage, and as it comes Python walks them
again and again.
"""

from __future__ import annotations

import gc

gc.set_threshold(50_000, 20, 50)
