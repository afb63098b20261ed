"""What `derivcheck show NAME` prints: a page's mathematics on one sheet, or one of its forms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derivcheck.codegen import source as generated_source
from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.expression import (
    Domain,
    Entry,
    Expression,
    Index,
    Parameter,
    Tensor,
    composed,
    free_indices,
    number,
    rational,
    tensors,
)
from derivcheck.lowering import lower
from derivcheck.notation import latex, text, unicode_name


def closed_forms(derivation: Derivation, form: str) -> str:
    """All gradients in the page's order: `form` is latex, sympy (one a line), numpy or jax.

    The last two are a module of source with `forward` and, where there are gradients, `pullback`;
    raises `LoweringError` where a closed form is no array program.
    """
    if form in ("numpy", "jax"):
        return generated_source(lower(derivation), form).rstrip("\n") + "\n"
    return "".join(f"{equation(each, form)}\n" for each in derivation.gradients.values())


def equation(gradient: ClosedForm, form: str) -> str:
    """`∂loss/∂variable = closed form` on one line: `form` is latex or sympy."""
    subscripts, body = composed(gradient.indices, gradient.body)
    entry, loss = Entry(gradient.variable, subscripts), Entry(gradient.loss)
    if form == "sympy":
        from derivcheck.exchange import to_sympy  # reports need no SymPy

        return f"Derivative({to_sympy(loss)}, {to_sympy(entry)}) = {to_sympy(body)}"
    left = rf"\frac{{\partial {latex(loss)}}}{{\partial {latex(entry)}}}"
    return f"{left} = {latex(body, free_indices(entry))}"


# --- the sheet ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """Rows of two columns under a heading; `sign` stands between them."""

    heading: str
    rows: tuple[tuple[str, str], ...]
    sign: str = " "


@dataclass(frozen=True)
class Sheet:
    """A derivation for the eye: what goes in and out, the forward pass, the gradients."""

    title: str
    sentence: str
    sections: tuple[Section, ...]


def sheet(derivation: Derivation) -> Sheet:
    """What a reader needs of a page, in Unicode; sections without a row are left out."""
    inputs = [(unicode_name(each.name), _kind(each)) for each in derivation.inputs]
    inputs += [(unicode_name(each.name), _integer(each)) for each in derivation.statics]
    sizes = [(unicode_name(p.name), text(body)) for p, body in derivation.extents.items()]
    given = [(text(each.left), text(each.right)) for each in derivation.context.hypotheses]
    forward = _definitions(derivation, derivation.outputs)
    closed = derivation.gradients.values()
    backward = _definitions(derivation, [t for each in closed for t in tensors(each.body)])
    gradients = [each for each in backward if each not in forward]
    gradients += [_gradient(each) for each in closed]
    sections = (
        Section("Inputs", tuple(inputs)),
        Section("Outputs", tuple(_output(derivation, each) for each in derivation.outputs)),
        Section("Sizes", tuple(sizes), "="),
        Section("Given", tuple(given), "="),
        Section("Forward", tuple(forward), "="),
        Section("Gradients", tuple(gradients), "="),
    )
    return Sheet(
        derivation.title or derivation.name,
        derivation.summary,
        tuple(each for each in sections if each.rows),
    )


def _definitions(derivation: Derivation, needed: Iterable[Tensor]) -> list[tuple[str, str]]:
    """What defines these tensors and those that they are defined through, in the page's order."""
    wanted = derivation.context.foundations(*needed)
    return [
        _equation(tensor, definition.indices, definition.body)
        for tensor, definition in derivation.context.definitions.items()
        if tensor in wanted
    ]


def _gradient(form: ClosedForm) -> tuple[str, str]:
    left, right = _equation(form.variable, form.indices, form.body)
    return f"∂{text(Entry(form.loss))}/∂{left}", right


def _equation(tensor: Tensor, indices: Iterable[Index], body: Expression) -> tuple[str, str]:
    subscripts, body = composed(tuple(indices), body)
    entry = Entry(tensor, subscripts)
    return text(entry), text(body, free_indices(entry))


def _output(derivation: Derivation, output: Tensor) -> tuple[str, str]:
    cotangent = derivation.cotangents.get(output)
    kind = _shape(output)
    if cotangent is not None and derivation.gradients:
        losses = [loss for loss, of in derivation.context.incoming if of == output]
        loss = unicode_name(losses[0].name if losses else "L")
        kind += f"; ∂{loss}/∂{unicode_name(output.name)} is {unicode_name(cotangent.name)}"
    return unicode_name(output.name), kind


def _kind(tensor: Tensor) -> str:
    return ", ".join(part for part in (_shape(tensor), _domain(tensor.domain)) if part)


def _shape(tensor: Tensor) -> str:
    return " × ".join(text(number(extent)) for extent in tensor.extents) or "a number"


def _integer(parameter: Parameter) -> str:
    return f"an integer, ≥ {parameter.minimum}"


def _domain(domain: Domain) -> str:
    parts: list[str] = []
    if domain.values:
        parts.append(f"each one of {_listed(domain.values)}")
    elif domain.integer:
        parts.append("integers")
    if domain.lower is not None and not domain.values:
        parts.append(f"{'>' if domain.strict_lower else '≥'} {text(rational(domain.lower))}")
    if domain.upper is not None and not domain.values:
        parts.append(f"{'<' if domain.strict_upper else '≤'} {text(rational(domain.upper))}")
    if domain.excluded:
        parts.append(f"not {_listed(domain.excluded)}")
    return ", ".join(parts)


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value).replace("-", "−") for value in values)
