"""MUBO, ReMix and AutoBalance at once: every subset of the three, and what each part adds to the others."""
