"""Names the trials that settings are chosen on, and those that results are measured on."""

__all__ = ["TEST_SEED", "TUNING_SEED"]

TUNING_SEED, TEST_SEED = 2_000_001, 2_000_002
