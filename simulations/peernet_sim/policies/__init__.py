"""How well policies of verification keep what they promise, and what they cost: `python -m peernet_sim.policies`.

The submitter is the product's own owner code, with its tables, leases, trust and audits; `field` surrounds it with
workers that answer at once over a perfect network, as verification does not depend on one. `table` runs all
combinations of peers, shares and kinds of liars and policies, `pictures` draws them.
"""
