"""SymPy in and out: the exchange format of index expressions."""

from derivcheck.exchange.building import derivation_from_sympy, source_of
from derivcheck.exchange.exporting import parameter_symbol, tensor_symbol, to_sympy
from derivcheck.exchange.importing import from_sympy
from derivcheck.exchange.special import Largest
from derivcheck.exchange.vocabulary import ExchangeError

__all__ = [
    "ExchangeError",
    "Largest",
    "derivation_from_sympy",
    "from_sympy",
    "parameter_symbol",
    "source_of",
    "tensor_symbol",
    "to_sympy",
]
