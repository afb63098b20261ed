"""Witnesses: numerical evidence that shares no arithmetic with the prover."""
