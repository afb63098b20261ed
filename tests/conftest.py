"""Settings that every test shares."""

import os
from tempfile import TemporaryDirectory

# Before anything imports jax: tests run on the CPU unless a GPU is asked for by name.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from hypothesis import HealthCheck, settings

# No test finds what an earlier run has kept; the folder goes with the process.
_CACHE = TemporaryDirectory(prefix="derivcheck-")
os.environ["DERIVCHECK_CACHE"] = _CACHE.name

# One outcome for one commit: examples are derived from the test itself, and a slow shared machine
# is no failure. `HYPOTHESIS_PROFILE=deep` searches further, from a random start, by hand.
settings.register_profile(
    "house",
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))
