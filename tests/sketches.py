"""A short text of a syntax tree, so that a test can say what tree it expects in one line."""

from derivcheck import syntax
from derivcheck.latex import parse_math


def sketch(node: syntax.Node | None) -> str:
    """`*` marks bold, quotes a word, `<…>` what is unreadable; juxtaposed factors stand in `(a
    b)`."""
    match node:
        case None:
            return "·"
        case syntax.Numeral(text=text):
            return text
        case syntax.Symbol(name=name, bold=bold, word=word):
            return (f"'{name}'" if word else name) + "*" * bold
        case syntax.Scripted(base, subscript, superscript, primes):
            below = "" if subscript is None else f"_{sketch(subscript)}"
            above = "" if superscript is None else f"^{sketch(superscript)}"
            return sketch(base) + below + above + "'" * primes
        case syntax.Sequence(items):
            return "[" + ", ".join(map(sketch, items)) + "]"
        case syntax.Addition(terms):
            return "(" + " ".join(sign + sketch(term) for sign, term in terms) + ")"
        case syntax.Multiplication(factors, operators):
            signs = ["", *(f" {operator} " if operator else " " for operator in operators)]
            pairs = zip(signs, factors, strict=True)
            return "(" + "".join(sign + sketch(factor) for sign, factor in pairs) + ")"
        case syntax.Fraction(numerator, denominator):
            return f"frac({sketch(numerator)}, {sketch(denominator)})"
        case syntax.Root(radicand, degree):
            return f"root({sketch(radicand)}, {sketch(degree)})"
        case syntax.DerivativeOf(symbol, operand, variables):
            below = ", ".join(
                sketch(variable) + (f"**{order}" if order > 1 else "")
                for variable, order in variables
            )
            return f"{symbol.strip(chr(92))}[{sketch(operand)} / {below}]"
        case syntax.BigOperator(kind, letters, lower, upper, condition, body):
            bounds = f" {sketch(lower)}..{sketch(upper)}" if lower or upper else ""
            restriction = f" | {sketch(condition)}" if condition else ""
            return f"{kind}[{' '.join(map(sketch, letters))}{bounds}{restriction}]{sketch(body)}"
        case syntax.Call(name, arguments, subscript, superscript, bracketed):
            below = "" if subscript is None else f"_{sketch(subscript)}"
            above = "" if superscript is None else f"^{sketch(superscript)}"
            inside = ", ".join(map(sketch, arguments))
            return f"{name}{below}{above}" + (f"({inside})" if bracketed else f"⟨{inside}⟩")
        case syntax.Group(opening, closing, body):
            return f"{opening}{sketch(body)}{closing}"
        case syntax.Cases(rows):
            return "cases" + "".join(f"{{{sketch(v)} if {sketch(c)}}}" for v, c in rows)
        case syntax.Indicator(condition):
            return f"1[{sketch(condition)}]"
        case syntax.Chain(sides, relations):
            signs = ["", *(f" {relation} " for relation in relations)]
            return "".join(s + sketch(side) for s, side in zip(signs, sides, strict=True))
        case syntax.Unreadable(construct=construct):
            return f"<{construct}>"


def statements(latex: str) -> list[str]:
    """The sketch of each statement of a piece of mathematics."""
    lines: list[str] = []
    for statement in parse_math(latex):
        signs = ["", *(f" {relation.sign} " for relation in statement.relations)]
        lines.append(
            "".join(s + sketch(side) for s, side in zip(signs, statement.sides, strict=True))
        )
    return lines


def side(latex: str) -> str:
    """The sketch of a formula that is one statement of one side."""
    (line,) = statements(latex)
    return line
