"""What elaboration remembers of a page while it reads from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from derivcheck import syntax
from derivcheck.derivation import UsedPage
from derivcheck.elaboration import gradient_names
from derivcheck.elaboration.applications import applied_symbols
from derivcheck.elaboration.called_arrays import called_arrays
from derivcheck.elaboration.counting import Counting, named_places
from derivcheck.elaboration.counts import Count, counts, explained_names, lengths
from derivcheck.elaboration.described import Descriptions
from derivcheck.elaboration.families import marked_ranks, vector_families
from derivcheck.elaboration.fault import Fault, unread
from derivcheck.elaboration.instances import Instance
from derivcheck.elaboration.names import (
    alone_in_prose,
    array_name,
    declared_name,
    label,
    nodes,
    split_subscripts,
    subscript_items,
    subscripted,
)
from derivcheck.elaboration.places import (
    fixed_letters,
    letters_on_the_left,
    letters_said_to_run,
    running_letters,
)
from derivcheck.elaboration.properties import qualified_names
from derivcheck.elaboration.recurrences import (
    Bound,
    Piece,
    Range,
    Recurrence,
    stated_recurrences,
    written_ranges,
)
from derivcheck.elaboration.scope import (
    AbstractMeaning,
    FunctionMeaning,
    Known,
    Meaning,
    ParameterMeaning,
    Scope,
    Section,
    TensorMeaning,
    UnreadMeaning,
)
from derivcheck.elaboration.size_names import (
    is_size_letter,
    products_of_sizes,
    sizes_in_shapes,
)
from derivcheck.elaboration.sizes import Sizes
from derivcheck.elaboration.symmetries import symmetric_names
from derivcheck.expression import (
    ONE,
    Affine,
    Context,
    Definition,
    Domain,
    Expression,
    Hypothesis,
    Parameter,
    Tensor,
    guard,
)
from derivcheck.source import Source, Span
from derivcheck.syntax import Statement

_NOWHERE = Span(0, 0)


@dataclass
class PageState:
    """Symbol table, sizes, definitions, hypotheses, outputs and losses of one page."""

    source: Source
    scope: Scope = field(default_factory=Scope)
    sizes: Sizes = field(default_factory=Sizes)
    context: Context = field(default_factory=Context)
    inputs: dict[Tensor, None] = field(default_factory=dict[Tensor, None])
    outputs: list[str] = field(default_factory=list[str])
    incoming: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    """The tensors that the page names as incoming cotangents, by the output's name."""
    aliases: dict[Tensor, Definition] = field(default_factory=dict[Tensor, Definition])
    """`Ȳ := ∂L/∂Y` for a declared output Y: the incoming cotangent if nothing else uses Y."""
    left_open: dict[Tensor, Definition] = field(default_factory=dict[Tensor, Definition])
    """The arrays that stand for ∂L/∂Y where neither is known yet, and what they are once it is."""
    only_claimed: set[Tensor] = field(default_factory=set[Tensor])
    """The arrays that a claim spoke of before anything declared, defined or used them."""
    claimed: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Names and scopes of the arrays of which claims have spoken."""
    misread: set[Tensor] = field(default_factory=set[Tensor])
    """The arrays that definitions use, and whose own definition was not understood."""
    losses: dict[Tensor, None] = field(default_factory=dict[Tensor, None])
    extents: dict[Parameter, Expression] = field(default_factory=dict[Parameter, Expression])
    statics: dict[Parameter, None] = field(default_factory=dict[Parameter, None])
    parameter_names: set[str] = field(default_factory=set[str])
    ranks: dict[str, int] = field(default_factory=dict[str, int])
    """How many subscripts a symbol has where it has some; for one that is first met bare."""
    families: dict[str, int] = field(default_factory=dict[str, int])
    """How many axes the arrays have whose parts stand as vectors, for one that is first met so."""
    subscript_letters: set[str] = field(default_factory=set[str])
    numbered: set[str] = field(default_factory=set[str])
    """Symbols whose only subscripts are numbers: `x_1` and `x_2` are then names, not entries."""
    labelling: set[str] = field(default_factory=set[str])
    """Capitals that only stand alone under a symbol and that no sum binds: `μ_B` is a name."""
    applied: set[str] = field(default_factory=set[str])
    """Symbols that a symbol in brackets follows somewhere, as a function's argument does."""
    of_numbers: set[str] = field(default_factory=set[str])
    """Those of them that are applied to a symbol and to entries of it: functions of numbers."""
    class_labels: set[str] = field(default_factory=set[str])
    """The arrays of class labels, whose entries are places of an axis."""
    class_counts: dict[str, str] = field(default_factory=dict[str, str])
    differentiated_by: set[str] = field(default_factory=set[str])
    only_differentiated: set[str] = field(default_factory=set[str])
    """Names of which the page says nothing but what their derivatives are."""
    arguments: dict[str, syntax.Node] = field(default_factory=dict[str, syntax.Node])
    """What stood in the brackets of `J(θ) = …` where that only says what J depends on."""
    bases: dict[Affine, int] = field(default_factory=dict[Affine, int])
    counting: Counting = field(default_factory=Counting)
    ranges: dict[str, Range] = field(default_factory=dict[str, Range])
    """The written ranges of the letters with which recurrences step."""
    written: dict[str, Range] = field(default_factory=dict[str, Range])
    """Those of all letters."""
    counts: dict[Span, Count] = field(default_factory=dict[Span, Count])
    """How many terms a sum without bounds has, where it is a mean that says so."""
    symmetric: set[str] = field(default_factory=set[str])
    """The arrays that the page says are symmetric in two axes, and does not define."""
    arrays: set[str] = field(default_factory=set[str])
    """The names that prose calls matrices or vectors, and of whose axes nothing is said."""
    qualified: set[str] = field(default_factory=set[str])
    """The names of which prose says more than the page writes out."""
    descriptions: Descriptions = field(default_factory=Descriptions)
    """The same of functions."""
    headings: tuple[int, ...] = ()
    """Where sections begin."""
    introduced: dict[str, Span] = field(default_factory=dict[str, Span])
    """Where the page says of other functions what they are, or that they are none of numbers."""
    mentioned: set[str] = field(default_factory=set[str])
    """The symbols that stand alone in prose, and are no letters that run."""
    running: set[str] = field(default_factory=set[str])
    """The letters that a sum binds somewhere, or with which an array is introduced."""
    lengths: dict[str, str] = field(default_factory=dict[str, str])
    """How many places a letter runs over, where a range says so and nothing else does."""
    places: dict[str, Affine] = field(default_factory=dict[str, Affine])
    """The letters that stand for one place of an axis, and its size."""
    recurrences: dict[str, Recurrence] = field(default_factory=dict[str, Recurrence])
    pieces: dict[Tensor, list[Piece]] = field(default_factory=dict[Tensor, list[Piece]])
    """Base cases and steps that have been read."""
    conventions: dict[str, syntax.Node] = field(default_factory=dict[str, syntax.Node])
    """The loss of whose gradients a mark makes the names, as the d of `dW`."""
    functions: dict[str, tuple[syntax.Symbol, syntax.Node]] = field(
        default_factory=dict[str, tuple[syntax.Symbol, syntax.Node]]
    )
    """Argument and formula of functions that the page states somewhere, once."""
    bound_names: dict[str, tuple[syntax.Node, str]] = field(
        default_factory=dict[str, tuple[syntax.Node, str]]
    )
    """The loss and the array of whose gradient something is a name, from wherever that is said."""
    pages: dict[str, UsedPage] = field(default_factory=dict[str, UsedPage])
    """The pages whose functions this one uses, by their names."""
    instances: dict[Tensor, Instance] = field(default_factory=dict[Tensor, Instance])
    """Their uses, by the tensor that each defines."""

    # --- looking ahead ----------------------------------------------------------------------------

    def look_ahead(self, statements: Sequence[Statement]) -> None:
        """Note which names are sizes and what the page counts from, before anything is built."""
        self._note_recurrences(statements)
        self.conventions = gradient_names.conventions(statements)
        self.bound_names = gradient_names.bound_names(statements)
        self.only_differentiated = gradient_names.only_differentiated(statements)
        lettered: set[str] = set()
        bound: set[str] = set()
        self.parameter_names |= sizes_in_shapes(statements)
        for statement in statements:
            for side in statement.sides:
                for node in nodes(side):
                    if isinstance(node, syntax.BigOperator):
                        if isinstance(node.upper, syntax.Symbol | syntax.Scripted):
                            self.parameter_names.add(label(node.upper))
                        self.counting.note(node)
                        bound.update(letter.name for letter in node.letters)
                    elif isinstance(node, syntax.Scripted):
                        self._note_rank(node, lettered, bound)
        self.applied, self.of_numbers = applied_symbols(statements)
        explained = explained_names(statements)
        self.counts = counts(statements, explained)
        self.lengths = lengths(written_ranges(statements, self.source), explained)
        self.parameter_names |= {count.name for count in self.counts.values()}
        self.parameter_names |= set(self.lengths.values())
        for whole, factors in products_of_sizes(statements):
            if whole in self.parameter_names:
                self.parameter_names |= factors
        self.labelling -= bound | {written.upper.name for written in self.ranges.values()}
        self.subscript_letters -= self.labelling
        self.numbered -= lettered
        sizes = self.parameter_names - self.labelling
        for place in named_places(statements, self.ranks, self.numbered, sizes):
            self.counting.names(place)
        for name in self.numbered:
            self.ranks.pop(name, None)
        alone = map(alone_in_prose, statements)
        self.mentioned = {name for name in alone if name is not None}
        self.symmetric = symmetric_names(statements, self.source)
        self.qualified = qualified_names(statements, self.source)
        self.arrays = called_arrays(statements, self.source) - self.ranks.keys()
        self.running = running_letters(statements)
        on_the_left = letters_on_the_left(statements)
        letters = self.running | self.written.keys() | on_the_left
        self.families = vector_families(statements, letters - self.labelling)
        for name, rank in marked_ranks(statements, self.parameter_names).items():
            self.ranks.setdefault(name, rank)
        self.mentioned -= self.running | on_the_left
        self.mentioned -= letters_said_to_run(statements, self.source)
        for name, size in fixed_letters(statements, self.source).items():
            if name in self.subscript_letters - self.running and name not in self.ranks:
                self._fix(name, size)

    def _fix(self, name: str, size: Bound | None) -> None:
        """Make a letter the number of one place of an axis, which is found by use if need be."""
        parameter = Parameter(name, 0)
        extent = self.sizes.placeholder(name) if size is None else self.place(size, _NOWHERE)
        text = f"{name} is on its axis" if size is None else f"{name} < {size.written()}"
        self.places[name] = extent
        self.statics[parameter] = None
        self.scope.add(name, ParameterMeaning(parameter), _NOWHERE)
        self.suppose(Hypothesis(guard(extent - 1 - Affine.of(parameter)), ONE, text))

    def fixed_place(self, name: str) -> Affine | None:
        """The number of the one place that a letter stands for, from 0; None for other letters."""
        known = self.scope.lookup(name) if name in self.places else None
        meaning = known.meaning if known else None
        return Affine.of(meaning.parameter) if isinstance(meaning, ParameterMeaning) else None

    def _note_recurrences(self, statements: Sequence[Statement]) -> None:
        """The letters of recurrences have written ranges, from which the axes that they stand on
        are counted."""
        ranges = written_ranges(statements, self.source)
        self.written = {letter: found for letter, found in ranges.items() if found is not None}
        self.recurrences = stated_recurrences(statements, ranges)
        for name, recurrence in self.recurrences.items():
            written = ranges.get(recurrence.letter)
            if written is not None:
                self.ranges[recurrence.letter] = written
                self.parameter_names.add(written.upper.name)
            self.counting.fix(name, recurrence.place, recurrence.start)
        for statement in statements if self.ranges else ():
            for side in statement.sides:
                for node in nodes(side):
                    if isinstance(node, syntax.Scripted) and node.subscript is not None:
                        name = array_name(node)
                        for place, item in enumerate(subscript_items(node.subscript, None)):
                            if isinstance(item, syntax.Symbol) and item.name in self.ranges:
                                lower = self.ranges[item.name].lower
                                self.counting.stands(name or "", place, lower)

    def letter_range(
        self, letter: str, span: Span, *, alone: bool = False
    ) -> tuple[Affine, int] | None:
        """The extent and the first value of a letter with which a recurrence steps, or that stands
        `alone`, on no axis that would tell."""
        written = self.ranges.get(letter) or (self.written.get(letter) if alone else None)
        if written is None:
            return None
        extent = self.place(written.upper, span) - written.lower + 1
        self.bases.setdefault(extent, written.lower)
        return extent, written.lower

    def run(self, letter: str) -> Affine:
        """A size, not known yet, of what a letter runs over; in the end what the page is likely to
        say of it."""
        extent = self.sizes.placeholder(letter)
        if letter in self.lengths:
            self.likely(extent, self.lengths[letter])
        return extent

    def likely(self, extent: Affine, name: str, *, sure: bool = True) -> None:
        """Make an extent this size in the end, unless the name means something else."""
        known = self.scope.lookup(name)
        if known is None or isinstance(known.meaning, ParameterMeaning):
            size = Affine.of(self.parameter(name, _NOWHERE))
            self.sizes.prefer(extent, size, sure=sure)

    def place(self, bound: Bound, span: Span) -> Affine:
        """The number of a written place."""
        if not bound.name:
            return Affine.of(bound.offset)
        return Affine.of(self.parameter(bound.name, span)) + bound.offset

    def _note_rank(self, node: syntax.Scripted, lettered: set[str], bound: set[str]) -> None:
        subscript = node.subscript
        word = isinstance(subscript, syntax.Symbol) and subscript.word
        if isinstance(node.base, syntax.Symbol) and subscript is not None and not word:
            name = node.base.name + "'" * node.primes
            self.ranks.setdefault(name, len(subscript_items(subscript, None)))
            plain = isinstance(subscript, syntax.Numeral) and node.superscript is None
            (self.numbered if plain else lettered).add(name)
            if isinstance(subscript, syntax.Symbol) and is_size_letter(subscript.name):
                self.labelling.add(subscript.name)
            elif not isinstance(subscript, syntax.Symbol):
                bound.update(p.name for p in nodes(subscript) if isinstance(p, syntax.Symbol))
            for part in nodes(subscript):
                if isinstance(part, syntax.Symbol) and not part.word:
                    self.subscript_letters.add(part.name)

    # --- symbols ----------------------------------------------------------------------------------

    def suppose(self, hypothesis: Hypothesis) -> None:
        """Rest what follows on one more hypothesis."""
        hypotheses = (*self.context.hypotheses, hypothesis)
        self.context = replace(self.context, hypotheses=hypotheses)

    def claim(self, *sides: syntax.Node) -> None:
        """Remember of which arrays something is claimed."""
        names = {array_name(part) for side in sides for part in nodes(side)} - {None}
        found = (self.scope.tensor(name) for name in names if name)
        self.claimed |= {(tensor.name, tensor.scope) for tensor in found if tensor is not None}

    def known(self, name: str, span: Span) -> Known | None:
        """What a name means; a name whose definition was not understood is a fault to use."""
        known = self.scope.lookup(name)
        if known and isinstance(known.meaning, UnreadMeaning):
            raise unread(name, span, known.meaning.reason)
        return known

    def meaning(self, name: str, span: Span) -> Meaning | None:
        known = self.known(name, span)
        return known.meaning if known else None

    def is_size(self, name: str) -> bool:
        """Whether a name is an extent: a declared one, or a capital that bounds or shapes."""
        known = self.scope.lookup(name)
        if known is not None:
            return isinstance(known.meaning, ParameterMeaning)
        return name in self.parameter_names and is_size_letter(name)

    def parameter(self, name: str, span: Span, minimum: int = 1) -> Parameter:
        """The symbolic integer of this name, made if new."""
        meaning = self.meaning(name, span)
        if isinstance(meaning, ParameterMeaning):
            return meaning.parameter
        if meaning is not None:
            raise Fault(
                "rank-mismatch",
                f"{name} is used as an extent, but it is already something else here",
                span,
                "give the extent a name of its own",
            )
        parameter = Parameter(name, minimum)
        self.scope.add(name, ParameterMeaning(parameter), span)
        return parameter

    def new_tensor(
        self,
        name: str,
        extents: tuple[Affine, ...],
        span: Span,
        *,
        domain: Domain | None = None,
        declared: bool = False,
        letters: tuple[str, ...] = (),
        defined: bool = False,
    ) -> Tensor:
        """A tensor of this name in this section; the same name elsewhere is another tensor."""
        here = self.scope.scoped_name() + "'" * self.scope.renewed(name)
        scope = here if self.scope.lookup(name) or name in self.scope.names() else ""
        symmetric = name in self.symmetric and len(extents) == 2 and self.sizes.unify(*extents)
        axes = ((0, 1),) if symmetric else ()
        tensor = Tensor(name, extents, domain or Domain(), axes, scope)
        self.scope.add(name, TensorMeaning(tensor, declared, letters), span, defined=defined)
        return tensor

    def depends_by_name(self, name: str, arguments: syntax.Node) -> bool:
        """Whether what stands in brackets after a name lists what it depends on: arrays, or several
        symbols; a lone number's symbol is a function's variable."""
        if name in self.of_numbers:
            return False
        items = arguments.items if isinstance(arguments, syntax.Sequence) else (arguments,)
        if not all(isinstance(item, syntax.Symbol) for item in items):
            return False
        return len(items) > 1 or any(self._is_array(label(item)) for item in items)

    def takes(self, name: str, arguments: syntax.Node) -> bool:
        """Whether what stands in brackets after a name is what that is computed from: `y(x)`."""
        tensor = self.scope.tensor(name)
        if tensor is None or tensor not in self.context.definitions:
            return False
        below = self.context.foundations(tensor) - {tensor}
        items = arguments.items if isinstance(arguments, syntax.Sequence) else (arguments,)
        symbols = [item.name for item in items if isinstance(item, syntax.Symbol)]
        return len(symbols) == len(items) and all(self.scope.tensor(s) in below for s in symbols)

    def _is_array(self, name: str) -> bool:
        known = self.scope.lookup(name)
        if known is None:
            return self.ranks.get(name, 0) > 0
        return isinstance(known.meaning, TensorMeaning) and known.meaning.tensor.rank > 0

    def labels(self, name: str, subscript: syntax.Node | None) -> bool:
        """Whether a subscript belongs to the name: a word, a lone capital, a number among names."""
        match subscript:
            case syntax.Symbol(letter, word=word):
                return word or letter in self.labelling
            case syntax.Numeral():
                return name in self.numbered
            case _:
                return False

    def is_name(self, node: syntax.Scripted) -> bool:
        """Whether a subscript belongs to the name here, and is no index."""
        if not isinstance(node.base, syntax.Symbol) or node.subscript is None:
            return False
        plain = subscripted(node.base.name, node.subscript)
        known = (self.scope.lookup(name) for name in (plain, declared_name(node)) if name)
        return self.labels(node.base.name, node.subscript) or any(known)

    def axes_left(self, node: syntax.Node) -> int:
        """How many axes of an array have no subscript here; 0 for an entry, a number, and a
        name."""
        if not isinstance(node, syntax.Scripted) or node.subscript is None or self.is_name(node):
            return 0
        name = array_name(node)
        known = self.scope.lookup(name) if name is not None else None
        tensor = self.scope.tensor(name) if name is not None else None
        rank = self.families.get(name or "", 0) if known is None else tensor.rank if tensor else 0
        return max(rank - len(split_subscripts(node.subscript)), 0)

    def certain(self, tensor: Tensor) -> bool:
        """Whether the page says this tensor's axes: declares it, or defines it with subscripts."""
        known = self.scope.lookup(tensor.name)
        meaning = known.meaning if known else None
        declared = isinstance(meaning, TensorMeaning) and meaning.declared
        return declared or (tensor.rank > 0 and tensor in self.context.definitions)

    def gradient(self, name: str, *, declared: bool = False) -> tuple[syntax.Node, Tensor] | None:
        """The loss and the array of whose gradient this is a name, by what the page calls others;
        None where it is a name of something else, or says nothing.

        Of one that the page has `declared`, and does not define, it may be the gradient too.
        """
        marked = gradient_names.differentiated(name)
        loss, array = self.bound_names.get(name, (None, ""))
        if loss is None and marked is not None:
            loss, array = self.conventions.get(marked[0]), marked[1]
        known, tensor = self.scope.lookup(name), self.scope.tensor(array)
        if loss is None or tensor is None or declared != (known is not None):
            return None
        if known is not None:
            own = self.scope.tensor(name)
            if known.defined or own is None or own in self.aliases or own.rank != tensor.rank:
                return None
        return loss, tensor

    def renew(self, name: str) -> None:
        """Let the next equation for a name that this section defines define it anew."""
        self.scope.renew(name)
        self.arguments.pop(name, None)

    def labelled_function(self, head: syntax.Node) -> str | None:
        """The name `f_c` where the page says what f_c(x) is, and f is no array."""
        match head if self.functions else None:
            case syntax.Scripted(syntax.Symbol(base), subscript, superscript) if (
                subscript is not None or superscript is not None
            ):
                name = declared_name(replace(head, primes=0))
            case _:
                return None
        if name is None or name not in self.functions:
            return None
        of, known = self.scope.tensor(base), self.scope.lookup(name)
        said = known is None or isinstance(known.meaning, FunctionMeaning | UnreadMeaning)
        said = said or name in self.arguments
        return name if said and (of is None or not of.rank) else None

    def function(self, name: str, span: Span) -> FunctionMeaning | AbstractMeaning | None:
        meaning = self.meaning(name, span)
        return meaning if isinstance(meaning, FunctionMeaning | AbstractMeaning) else None

    def section_of(self, tensor: Tensor) -> Section | None:
        """Where the name that means this tensor here got its meaning."""
        known = self.scope.lookup(tensor.name)
        return known.section if known else None

    def is_open(self, loss: Tensor) -> bool:
        """Whether this is a loss of which the page says nothing."""
        return loss in self.losses and loss not in self.context.definitions


Same = Callable[[Expression, Expression, Context], bool]
"""Whether two expressions are proved equal; elaboration is given it, to tell a restated
definition."""
