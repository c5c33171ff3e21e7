"""Which decisions does the control plane take?"""
