"""The spellings the reader knows: aliases, relations, operators, brackets, fonts, letters."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset("\\" + name for name in text.split())


GREEK: Final = _names(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda "
    "mu nu xi omicron pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega digamma"
)
LETTERS: Final = GREEK | _names(
    "infty ell hbar imath jmath wp top bot intercal dagger ddagger emptyset varnothing aleph Re Im"
)

# One spelling for each thing; a value may be a command or a character.
ALIASES: Final = {
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\cfrac": r"\frac",
    r"\nicefrac": r"\frac",
    r"\sfrac": r"\frac",
    r"\colon": ":",
    r"\lt": "<",
    r"\gt": ">",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lbrack": "[",
    r"\rbrack": "]",
    r"\vert": "|",
    r"\Vert": r"\|",
    r"\prime": "'",
    r"\cr": r"\\",
    r"\newline": r"\\",
    r"\dotsc": r"\ldots",
    r"\dotsb": r"\ldots",
    r"\dotsm": r"\ldots",
    r"\dots": r"\ldots",
    r"\cdots": r"\ldots",
    r"\vdots": r"\ldots",
    r"\ddots": r"\ldots",
    r"\argmax": r"\arg",
    r"\argmin": r"\arg",
    r"\Tr": r"\tr",
    r"\upsigma": r"\sigma",
    r"\lnot": r"\neg",
    "−": "-",
    "–": "-",
    "±": r"\pm",
    "·": r"\cdot",
    "⋅": r"\cdot",
    "×": r"\times",
    "∘": r"\circ",
    "⊙": r"\odot",
    "⊗": r"\otimes",
    "∂": r"\partial",
    "∇": r"\nabla",
    "∑": r"\sum",
    "∏": r"\prod",
    "√": r"\sqrt",
    "∞": r"\infty",
    "ℓ": r"\ell",
    "≠": r"\ne",
    "≤": r"\le",
    "≥": r"\ge",
    "≈": r"\approx",
    "≡": r"\equiv",
    "∈": r"\in",
    "→": r"\to",
    "←": r"\leftarrow",
    "⇒": r"\Rightarrow",
    "⇔": r"\iff",
    "∀": r"\forall",
    "…": r"\ldots",
    "′": "'",
    "‖": r"\|",
    "ℝ": r"\Reals",
    "ϵ": r"\epsilon",
    "ε": r"\varepsilon",
    "ϕ": r"\phi",
    "φ": r"\varphi",
    **dict(
        zip(
            "αβγδζηθικλμνξπρστυχψωΓΔΘΛΞΠΣΦΨΩ",
            (
                "\\" + name
                for name in [
                    "alpha",
                    "beta",
                    "gamma",
                    "delta",
                    "zeta",
                    "eta",
                    "theta",
                    "iota",
                    "kappa",
                    "lambda",
                    "mu",
                    "nu",
                    "xi",
                    "pi",
                    "rho",
                    "sigma",
                    "tau",
                    "upsilon",
                    "chi",
                    "psi",
                    "omega",
                    "Gamma",
                    "Delta",
                    "Theta",
                    "Lambda",
                    "Xi",
                    "Pi",
                    "Sigma",
                    "Phi",
                    "Psi",
                    "Omega",
                ]
            ),
            strict=True,
        )
    ),
}

RELATIONS: Final = {
    "=": "=",
    "<": "<",
    ">": ">",
    r"\equiv": r"\equiv",
    r"\ne": r"\ne",
    r"\neq": r"\ne",
    r"\approx": r"\approx",
    r"\approxeq": r"\approx",
    r"\simeq": r"\simeq",
    r"\cong": r"\cong",
    r"\in": r"\in",
    r"\notin": r"\notin",
    r"\ni": r"\ni",
    r"\subset": r"\subset",
    r"\subseteq": r"\subseteq",
    r"\le": r"\le",
    r"\leq": r"\le",
    r"\leqslant": r"\le",
    r"\leqq": r"\le",
    r"\ge": r"\ge",
    r"\geq": r"\ge",
    r"\geqslant": r"\ge",
    r"\geqq": r"\ge",
    r"\ll": r"\ll",
    r"\gg": r"\gg",
    r"\propto": r"\propto",
    r"\sim": r"\sim",
    r"\to": r"\to",
    r"\rightarrow": r"\to",
    r"\longrightarrow": r"\to",
    r"\xrightarrow": r"\to",
    r"\mapsto": r"\mapsto",
    r"\longmapsto": r"\mapsto",
    r"\leftarrow": r"\leftarrow",
    r"\longleftarrow": r"\leftarrow",
    r"\gets": r"\leftarrow",
    r"\leftrightarrow": r"\leftrightarrow",
    r"\triangleq": ":=",
    r"\coloneqq": ":=",
    r"\coloneq": ":=",
    r"\colonequals": ":=",
    r"\vcentcolon": ":",
    r"\eqdef": ":=",
    r"\doteq": r"\doteq",
    r"\eqqcolon": "=:",
}
# Signs of two or three characters, longest first.
COMPOUND_RELATIONS: Final = (
    (":==", ":="),
    (":=", ":="),
    ("=:", "=:"),
    ("==", "="),
    ("!=", r"\ne"),
    ("<=", r"\le"),
    (">=", r"\ge"),
    ("<-", r"\leftarrow"),
    ("->", r"\to"),
)
NEGATED: Final = {"=": r"\ne", r"\in": r"\notin", r"\equiv": r"\not\equiv"}

BREAKS: Final = _names(
    "Rightarrow Longrightarrow implies iff Leftrightarrow Longleftrightarrow Leftarrow "
    "Longleftarrow impliedby therefore because"
)

OPERATORS: Final = {
    r"\cdot": r"\cdot",
    r"\cdotp": r"\cdot",
    r"\times": r"\times",
    r"\circ": r"\circ",
    r"\odot": r"\odot",
    r"\otimes": r"\otimes",
    r"\ast": "*",
    r"\div": "/",
    "*": "*",
    "/": "/",
}
SIGNS: Final = {"+": "+", "-": "-", r"\pm": "±", r"\mp": "±"}

OPENERS: Final = {
    "(": "(",
    "[": "[",
    r"\{": r"\{",
    r"\lfloor": r"\lfloor",
    r"\lceil": r"\lceil",
    r"\langle": r"\langle",
    r"\lvert": "|",
    r"\lVert": r"\|",
}
CLOSERS: Final = {
    ")": ")",
    "]": "]",
    r"\}": r"\}",
    r"\rfloor": r"\rfloor",
    r"\rceil": r"\rceil",
    r"\rangle": r"\rangle",
    r"\rvert": "|",
    r"\rVert": r"\|",
}
PARTNER: Final = {
    "(": ")",
    "[": "]",
    r"\{": r"\}",
    r"\lfloor": r"\rfloor",
    r"\lceil": r"\rceil",
    r"\langle": r"\rangle",
    "|": "|",
    r"\|": r"\|",
}
BARS: Final = frozenset({"|", r"\|"})

SIZES_OPEN: Final = _names("bigl Bigl biggl Biggl")
SIZES_CLOSE: Final = _names("bigr Bigr biggr Biggr")
SIZES: Final = _names("big Big bigg Bigg bigm Bigm biggm Biggm")

BOLD: Final = _names("mathbf boldsymbol bm pmb textbf bf bfseries boldmath symbf mathbfit")
UPRIGHT: Final = _names(
    "mathrm rm mathit mathsf mathtt mathnormal it sf tt operatorname symup mathup"
)
ALPHABETS: Final = {
    r"\mathcal": r"\mathcal",
    r"\cal": r"\mathcal",
    r"\mathscr": r"\mathscr",
    r"\mathfrak": r"\mathfrak",
    r"\mathbb": r"\mathbb",
    r"\mathds": r"\mathbb",
    r"\Bbb": r"\mathbb",
}
TEXTS: Final = _names(
    "text mbox textrm textnormal textit textsf texttt textup textsc hbox emph textmd"
)

# Commands that say nothing about meaning, alone and with an argument that goes with them.
IGNORED: Final = _names(
    ", ; : ! > displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits nonumber notag "
    "mathstrut strut hfill nobreak allowbreak break relax par null middle small large normalsize "
    "noindent centering thinspace medspace thickspace negthinspace hline "
    "blacksquare square Box qed qedhere"
) | {"\\ ", "\\\n", "\\\t"}
IGNORED_WITH_ARGUMENT: Final = _names(
    "label tag vspace phantom hphantom vphantom color ref eqref cite textcolor colorbox "
    "class cssId mspace mskip require"
)
WIDE_SPACES: Final = _names("quad qquad enspace hspace")
KEEPS_ARGUMENT: Final = _names(
    "boxed mathop mathrel mathbin mathord mathopen mathclose mathinner smash ensuremath fbox "
    "underbrace overbrace hbox mathclap"
)

ACCENTS: Final = {
    r"\hat": r"\hat",
    r"\widehat": r"\hat",
    r"\tilde": r"\tilde",
    r"\widetilde": r"\tilde",
    r"\bar": r"\bar",
    r"\overline": r"\bar",
    r"\dot": r"\dot",
    r"\ddot": r"\ddot",
    r"\check": r"\check",
    r"\widecheck": r"\check",
    r"\breve": r"\breve",
    r"\acute": r"\acute",
    r"\grave": r"\grave",
    r"\mathring": r"\mathring",
    r"\vec": r"\vec",
    r"\overrightarrow": r"\vec",
    r"\underline": r"\underline",
}

FUNCTIONS: Final = frozenset(
    [
        "log",
        "ln",
        "lg",
        "exp",
        "tanh",
        "sinh",
        "cosh",
        "coth",
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arctan",
        "arcsin",
        "arccos",
        "arctanh",
        "max",
        "min",
        "det",
        "tr",
        "Pr",
        "gcd",
        "dim",
        "deg",
        "sgn",
        "sign",
        "erf",
    ]
)
# Names that are calls when written in plain letters, directly before a bracket.
PLAIN_CALLS: Final = [
    "logsumexp",
    "softplus",
    "sigmoid",
    "softmax",
    "arctan",
    "arcsin",
    "arccos",
    "tanh",
    "sinh",
    "cosh",
    "relu",
    "ReLU",
    "sign",
    "sqrt",
    "log",
    "exp",
    "max",
    "min",
    "sin",
    "cos",
    "tan",
    "erf",
    "ln",
]

DISPLAYS: Final = frozenset(
    [
        "equation",
        "align",
        "aligned",
        "alignat",
        "alignedat",
        "flalign",
        "split",
        "gather",
        "gathered",
        "multline",
        "multlined",
        "eqnarray",
        "displaymath",
        "math",
        "subequations",
        "dmath",
    ]
)
EQUATION_ARRAYS: Final = frozenset({"eqnarray", "array"})
TAKES_ARGUMENT: Final = frozenset({"array", "alignat", "alignedat", "subarray", "tabular"})
MATRICES: Final = frozenset(
    [
        "matrix",
        "bmatrix",
        "pmatrix",
        "vmatrix",
        "Vmatrix",
        "Bmatrix",
        "smallmatrix",
        "array",
        "tabular",
        "subarray",
    ]
)

# Words in `\text{…}` between statements.
CONNECTIVES: Final = frozenset(
    [
        "and",
        "where",
        "with",
        "so",
        "thus",
        "hence",
        "then",
        "therefore",
        "also",
        "implies",
        "let",
        "but",
        "since",
        "because",
        "because,",
        "i.e.",
        "e.g.",
        "i.e",
        "e.g",
        "have",
        "get",
        "gives",
        "yields",
    ]
)
CONDITIONALS: Final = frozenset(
    [
        "if",
        "when",
        "whenever",
        "unless",
        "otherwise",
        "else",
        "provided",
        "for",
        "or",
        "iff",
        "as",
        "assuming",
        "given",
        "while",
    ]
)
# Those of them that restrict wherever they stand.
RESTRICTING: Final = frozenset({"if", "when", "whenever", "unless", "otherwise", "iff", "provided"})

LABELS = frozenset(
    """
    new old out max min avg mean sum tot total true pred real fake obs data train test val valid
    batch model hidden input output prev next last first init final start end err error loss reg act
    net enc dec left right target source sample original dropout noise head heads seq query
    key value mask pos neg soft hard best opt ref eff var cov bias weight weights ctx attn norm
    cell gate update reset forget cand step time size
    MSE MAE BCE NLL CE KL ELBO GAN SGD RMS MLE MAP CNN RNN VAE RMSE
    """.split()  # noqa: SIM905
)
"""Words that stand in a subscript as a label though nobody set them upright: `x_{new}`."""
