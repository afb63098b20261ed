"""Programs as source that a person would have written, and as functions.

One contract for every page: `forward(inputs…, *, statics) -> (outputs, residuals)` and
`pullback(residuals, cotangents, *, statics) -> gradients`. All four are tuples: the outputs and
the cotangents in the page's order of outputs, the gradients in its order of inputs. Inputs may be
arrays of any floating type, which the results keep; scalar inputs may be Python floats.
"""

from derivcheck.codegen.loading import Compiled, lambdify_closed_form, load
from derivcheck.codegen.module import source
from derivcheck.codegen.printing import Backend

__all__ = ["Backend", "Compiled", "lambdify_closed_form", "load", "source"]
