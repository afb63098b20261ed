"""A page from top to bottom: which equation declares, which defines, and what each other one
claims."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from derivcheck import syntax
from derivcheck.derivation import Derivation, Item, Kind, Link
from derivcheck.diagnostic import Diagnostic
from derivcheck.document import Code, Document, Heading, Math, Paragraph, Prose, sentence
from derivcheck.elaboration.closed_forms import closed_forms
from derivcheck.elaboration.declarations import (
    CONTINUES,
    COTANGENT,
    HYPOTHESIS,
    OUTPUT,
    DeclarationReader,
    declare_ahead,
    leads_to_hypothesis,
)
from derivcheck.elaboration.definitions import DefinitionReader
from derivcheck.elaboration.described import described
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.functions import labels_alone, stated_functions
from derivcheck.elaboration.integers import IntegerReader, Letters
from derivcheck.elaboration.label_arrays import class_counts, differentiated_by, label_arrays
from derivcheck.elaboration.links import LinkReader
from derivcheck.elaboration.names import declared_name, is_constant, whole
from derivcheck.elaboration.normalised import Normalised
from derivcheck.elaboration.open_losses import cotangents as cotangents_of
from derivcheck.elaboration.open_losses import inputs as inputs_of
from derivcheck.elaboration.open_losses import link_context, open_loss, output_tensors
from derivcheck.elaboration.redefinitions import Again, Redefinitions, judged_both_ways
from derivcheck.elaboration.restriction import (
    BOUNDS,
    assigns,
    bracketed,
    compares_sizes,
    is_bound,
    is_given,
    is_instance,
    is_range,
    knowledge,
    spoken,
    value_at_a_place,
)
from derivcheck.elaboration.scope import PageMeaning, UnreadMeaning
from derivcheck.elaboration.settlement import Settling
from derivcheck.elaboration.signatures import declare, is_signature
from derivcheck.elaboration.sizes import shape_parameters
from derivcheck.elaboration.spelling import statements
from derivcheck.elaboration.state import PageState, Same
from derivcheck.elaboration.supposing import Condition, Role, Suppositions
from derivcheck.elaboration.symmetries import symmetry
from derivcheck.elaboration.uses import LINK, PageNotUsable, Pages, no_pages
from derivcheck.source import Span
from derivcheck.syntax import Statement

MIRRORED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", r"\ne": r"\ne"}
DEFINES = frozenset({":=", r"\equiv"})


def elaborate(document: Document, name: str, same: Same, pages: Pages = no_pages) -> Derivation:
    """What the page says: items in reading order, and the derivation that they make up.

    `same` proves two expressions equal: an equation of a later section whose left side is already
    defined is a claim if it restates the definition, and a new definition otherwise. `pages`
    finds the pages whose functions this one uses. Never raises for what a document says; faults
    become items.
    """

    def read(anew: Collection[Span]) -> tuple[Derivation, Sequence[Again]]:
        page = _Page(document, name, same, pages, anew)
        return page.read(), page.redefinitions.found

    return judged_both_ways(read, same, document.source)


class _Page:
    def __init__(
        self, document: Document, name: str, same: Same, pages: Pages, anew: Collection[Span]
    ) -> None:
        self.document = document
        self.name = name
        self.state = PageState(document.source)
        self.redefinitions = Redefinitions(self.state, anew)
        self.same = same
        self.pages = pages
        self.items: list[Item] = []
        self.title = ""
        self.summary = ""
        self.reference: str | None = None
        self.heading = ""
        self.sentence = self.lead = ""
        self.sentence_declares = False
        self.listing = ""
        self.supposing = False
        self.suppositions = Suppositions()
        self.normalised = Normalised((), document.source)
        self.displayed = 0
        self.display = False

    def read(self) -> Derivation:
        pieces = statements(self.document)
        every = [statement for parsed in pieces.values() for statement in parsed]
        self.state.look_ahead(every)
        self.state.differentiated_by = differentiated_by(every)
        self.state.class_labels = label_arrays(
            every, self.state.subscript_letters | self.state.running
        )
        self.state.class_counts = class_counts(every, self.document.source)
        self.normalised = Normalised(every, self.document.source)
        headings = (b.span.start for b in self.document.blocks if isinstance(b, Heading))
        self.state.headings = tuple(headings)
        self.state.functions, self.state.introduced = stated_functions(
            every, self.state.running, self.state.source
        )
        self.state.subscript_letters -= labels_alone(every, self.state.functions)
        self.state.descriptions = described(self.document.blocks, pieces, self.state.source)
        for position, block in enumerate(self.document.blocks):
            match block:
                case Heading(level, parts, _):
                    self.state.scope.enter(level)
                    self.state.sizes.section = self.state.scope.section
                    self.suppositions.heading()
                    self.heading = "".join(p.text for p in parts if isinstance(p, Prose)).strip()
                    self.title = self.title or self.heading
                case Paragraph():
                    self._paragraph(block, pieces, position)
                case Code(language, text, _):
                    if self.heading.lower() == "reference" and language.startswith("python"):
                        self.reference = self.reference or text
        return self._derivation()

    # --- paragraphs: prose decides what a declaration is -----------------------------------------

    def _paragraph(
        self, block: Paragraph, pieces: dict[Math, tuple[Statement, ...]], position: int
    ) -> None:
        parts = block.parts
        if not self.summary and self.title:
            words = "".join(p.text if isinstance(p, Prose) else f"${p.latex}$" for p in parts)
            self.summary = " ".join(words.split())
        self.lead = self.sentence
        self.sentence, self.sentence_declares = "", False
        self.listing, self.supposing = "", False
        roles = self.suppositions.read(block, pieces, knowledge(self.state))
        if roles.qualifies:
            self._soften()
        for after in sentence(self.document.blocks[position:]):
            found = [m for m in after.parts if isinstance(m, Math)]
            ahead = [statement for math in found for statement in pieces[math]]
            declare_ahead(self.state, ahead, after.prose)
        before = len(self.items)
        for number, part in enumerate(parts):
            if isinstance(part, Prose):
                self._prose(part.text)
                continue
            if self._names_page(pieces[part], parts[number + 1 : number + 2]):
                self.sentence += " $ "
                continue
            self.display = part.display
            for order, statement in enumerate(pieces[part]):
                role = roles.of((number, order))
                said, _ = spoken(self.state, statement, self.sentence, parts[number + 1 :])
                self._statement(said, block.prose, role)
                self.normalised.hear(self.state, statement.span)
            self.sentence += " $ "
        roles.finish()
        last = parts[-1]
        self.displayed = before if isinstance(last, Math) and last.display else len(self.items)

    def _names_page(
        self, statements: tuple[Statement, ...], following: tuple[Prose | Math, ...]
    ) -> bool:
        r"""“$\operatorname{softmax}$ as in [softmax](softmax.md)” names another page's function."""
        match statements, following:
            case (Statement((syntax.Symbol(name),), ()) as statement,), (Prose(text, _),):
                link = LINK.match(text)
            case _:
                return False
        if link is None:
            return False
        fault: Fault | None = None
        try:
            used = self.pages(link[1])
            self.state.pages[link[1]] = used
            self.state.scope.add(name, PageMeaning(used.derivation), statement.span, defined=True)
        except PageNotUsable as error:
            fault = Fault(error.code, error.reason, statement.span, error.help)
            self.state.scope.add(name, UnreadMeaning(error.reason), statement.span, defined=True)
        span = statement.span
        text = self.state.source.slice(span)
        diagnostic = fault.diagnostic() if fault is not None else None
        used_by_name = "" if fault is not None else link[1]
        self.items.append(Item(Kind.DECLARATION, span, span, text, None, diagnostic, used_by_name))
        return True

    def _soften(self) -> None:
        """“…, where Σ t_k = 1” after a display: its claims hold under a condition."""
        for position in range(self.displayed, len(self.items)):
            item = self.items[position]
            if item.link is not None:
                self.items[position] = replace(item, link=replace(item.link, conditional=True))

    def _prose(self, text: str) -> None:
        if not CONTINUES.match(text):
            self.listing, self.supposing = "", False
        head, stop, tail = text.rpartition(". ")
        if stop or ";" in head:
            self.sentence, self.sentence_declares = tail, False
        else:
            self.sentence += text
        if OUTPUT.search(self.sentence):
            self.listing = "output"
        elif COTANGENT.search(self.sentence):
            self.listing = "cotangent"

    # --- statements ------------------------------------------------------------------------------

    def _statement(self, statement: Statement, paragraph: str, role: Role) -> None:
        if statement.relations:
            statement, conditions = bracketed(statement)
            role = Role((*role.governed, *map(Condition, conditions)), role.lead)
        conditions = [c.statement for c in role.governed if c.statement is not None]
        letters = Letters(
            self.state, (*statement.sides, *(side for c in conditions for side in c.sides))
        )
        integers = IntegerReader(self.state, letters)
        reader = DeclarationReader(self.state, integers)
        if not statement.relations:
            self._listed(statement)
            return
        if role.lead == "condition" or is_range(self.state, statement):
            self._note(
                Kind.DECLARATION, statement, 0
            )  # “if j ≠ n”, “for i = 1, …, N” claim nothing
            return
        if symmetry(statement) in self.state.symmetric:
            self._note(Kind.DECLARATION, statement, 0)
            return
        first = statement.relations[0].sign
        try:
            if first == r"\in":
                self._membership(statement, reader, paragraph)
                return
            if is_signature(statement):
                declare(self.state, statement, reader, f"{self.sentence} {paragraph}")
                self._note(Kind.DECLARATION, statement, 0)
                return
            if is_bound(self.state, statement):
                self.supposing = self.sentence_declares and bool(HYPOTHESIS.search(self.sentence))
                self._bounds(statement, reader)
                return
        except Fault as fault:
            self._note(Kind.DECLARATION, statement, 0, fault)
            return
        if all(integers.is_letter(side) for side in statement.sides):
            self._note(Kind.DECLARATION, statement, 0)  # “when j ≠ n” in prose claims nothing
            return
        array = None if self.display else value_at_a_place(self.state, statement, self.sentence)
        if array is not None:
            self.state.qualified.add(array)
            self._note(Kind.DECLARATION, statement, 0)
            return
        self._equations(statement, letters, role)

    def _listed(self, statement: Statement) -> None:
        """A lone symbol after “outputs” or “incoming cotangents”."""
        (side,) = statement.sides
        text = self.state.source.slice(statement.span)
        if isinstance(side, syntax.Unreadable) and "=" in text:
            fault = unsupported(side.construct, side.place, side.help)
            self.items.append(
                Item(Kind.CLAIM, statement.span, statement.span, text, None, fault.diagnostic())
            )
            return
        if not self.listing:
            return
        items = side.items if isinstance(side, syntax.Sequence) else (side,)
        for item in items:
            name = declared_name(item)
            if name is not None:
                self._declare_role(name, item.span)

    def _declare_role(self, name: str, span: Span) -> None:
        state = self.state
        if self.listing == "output":
            if name not in state.outputs and name not in state.parameter_names:
                state.outputs.append(name)
        elif self.listing == "cotangent":
            output = next((o for o in state.outputs if o not in state.incoming), None)
            tensor = state.scope.tensor(output) if output else None
            if output is not None and tensor is not None:
                known = state.scope.tensor(name)
                state.incoming[output] = known or state.new_tensor(
                    name, tensor.extents, span, declared=True
                )
                state.inputs.pop(state.incoming[output], None)

    def _membership(self, statement: Statement, reader: DeclarationReader, paragraph: str) -> None:
        names, members = statement.sides[:2]
        declared = reader.membership(names, members, f"{self.sentence} {paragraph}", statement.span)
        self.sentence_declares = True
        for name in declared:
            if self.listing:
                self._declare_role(name, statement.span)
        self._note(Kind.DECLARATION, statement, 0)

    def _bounds(self, statement: Statement, reader: DeclarationReader) -> None:
        triples = zip(statement.sides, statement.relations, statement.sides[1:], strict=False)
        for left, relation, right in triples:
            if is_constant(left):
                reader.bound(right, MIRRORED[relation.sign], left, statement.span)
            else:
                reader.bound(left, relation.sign, right, statement.span)
        self.sentence_declares = True
        self._note(Kind.DECLARATION, statement, 0)

    # --- equations: definition, hypothesis, or claims --------------------------------------------

    def _equations(self, statement: Statement, letters: Letters, role: Role) -> None:
        signs = ("", *(relation.sign for relation in statement.relations))
        pairs = zip(statement.sides, signs, strict=True)
        values = [side for side, before in pairs if before != r"\in"]
        links = LinkReader(self.state, letters, values)
        definitions = DefinitionReader(self.state, letters, links.translator, self.same)
        start = 0
        sign = statement.relations[0].sign
        explicit = sign in DEFINES
        if explicit or sign == "=" or (sign == r"\leftarrow" and assigns(self.state, statement)):
            start = self._define(statement, definitions, explicit, role)
        for position in range(start, len(statement.relations)):
            if statement.relations[position].sign == r"\in" and position:
                self._element(statement, position, letters)
            else:
                self._claim(statement, position, links, role)

    def _element(self, statement: Statement, position: int, letters: Letters) -> None:
        r"""`S = Q K^\top \in \mathbb{R}^{N \times N}` says of which shape S is."""
        reader = DeclarationReader(self.state, IntegerReader(self.state, letters))
        try:
            reader.element(statement.sides[0], statement.sides[position + 1])
        except Fault as fault:
            self._note(Kind.CLAIM, statement, position, fault)
        else:
            self._note(Kind.DECLARATION, statement, position)

    def _define(
        self, statement: Statement, definitions: DefinitionReader, explicit: bool, role: Role
    ) -> int:
        """1 if the first equality defines (or cannot), 0 if it is a claim."""
        left, right = statement.sides[:2]
        before = self.state.scope.snapshot()
        if not explicit:
            words = self.sentence if self.sentence.strip() else self.lead
            self.redefinitions.before(left, right, words, self.items)
        try:
            if not definitions.defines(left, right, explicit):
                return 0
            if not explicit and is_instance(self.state, statement):
                return 0
            if any(c.last or (c.statement is not None and not c.setting) for c in role.governed):
                raise unsupported(
                    "a definition under a condition in words",
                    whole((left, right)),
                    "write cases, or declare the domain before",
                )
            if not definitions.define(left, right, explicit, bound_by_prose=self._let()):
                return 0
        except Fault as fault:
            self.state.scope.restore(before)
            name = definitions.name_of(left)
            if name is not None and fault.code != "redefinition":
                line = self.state.source.position(fault.span.start).line
                reason = UnreadMeaning(f"see line {line}")
                if (tensor := self.state.scope.tensor(name)) is not None:
                    self.state.misread.add(tensor)
                self.state.scope.add(name, reason, left.span, defined=True)
            self._note(Kind.DEFINITION, statement, 0, fault)
            return 1
        self._note(Kind.DEFINITION, statement, 0)
        self.redefinitions.after(left, right)
        return 1

    def _let(self) -> bool:
        words = self.sentence.lower().split()
        return any(word in ("let", "define", "denote", "write", "set") for word in words[-6:])

    def _claim(self, statement: Statement, position: int, links: LinkReader, role: Role) -> None:
        left, right = statement.sides[position : position + 2]
        relation = statement.relations[position]
        given = is_given(self.state, statement.sides)
        supposed = (
            self.supposing
            or role.lead == "supposed"
            or leads_to_hypothesis(self.sentence, declares=self.sentence_declares, given=given)
        )
        if relation.sign in BOUNDS and not supposed:
            supposed = self._declares() and compares_sizes(self.state, statement)
        if supposed and relation.sign in (*BOUNDS, "="):
            self.supposing = True
            try:
                hypothesis = links.hypothesis(left, relation.sign, right)
            except Fault as fault:
                self._note(Kind.DECLARATION, statement, position, fault)
                return
            self.state.suppose(hypothesis)
            self._note(Kind.DECLARATION, statement, position)
            return
        before = self.state.scope.snapshot()
        link = links.link(
            left, relation, right, role.conditions(position, len(statement.relations))
        )
        if link.fault is not None:
            self.state.scope.restore(before)
        self.state.claim(left, right)
        self._note(Kind.CLAIM, statement, position, link.fault, link)

    def _declares(self) -> bool:
        """Whether nothing is claimed here: an item that begins with its formula, or a sentence that
        declares."""
        return not self.display and (
            self.sentence_declares or re.fullmatch(r"[\s*+-]*", self.sentence) is not None
        )

    def _note(
        self,
        kind: Kind,
        statement: Statement,
        position: int,
        fault: Fault | Diagnostic | None = None,
        link: Link | None = None,
    ) -> None:
        left, right = statement.sides[position], statement.sides[position + 1]
        diagnostic = fault.diagnostic() if isinstance(fault, Fault) else fault
        span = right.span
        self.items.append(
            Item(
                kind,
                span,
                left.span | right.span,
                self.state.source.slice(span),
                link,
                diagnostic,
            )
        )

    # --- the derivation --------------------------------------------------------------------------

    def _derivation(self) -> Derivation:
        state = self.state
        sizes = state.sizes
        sizes.close(state.scope.names())
        sizes.counting = state.counting
        sizes.bases = {sizes.size(extent): base for extent, base in state.bases.items()}
        settle = Settling(state)
        items = settle.conjectured([settle.item(item) for item in self.items])
        own = settle.context(link_context(state))
        context = settle.with_theorems(own)
        loss = open_loss(state)
        outputs = tuple(map(sizes.tensor, output_tensors(state, loss)))
        cotangents = {
            sizes.tensor(output): sizes.tensor(cotangent)
            for output, cotangent in (cotangents_of(state, loss) if loss else {}).items()
        }
        inputs = tuple(map(sizes.tensor, inputs_of(state)))
        others = {each for each in state.losses if each != loss and state.is_open(each)}
        losses = {sizes.tensor(each) for each in state.losses if each not in others}
        forms = closed_forms(items, inputs, {*losses, *outputs}, own, context)
        return Derivation(
            name=self.name,
            title=str(self.document.front_matter.get("title") or self.title or self.name),
            summary=self.summary,
            inputs=inputs,
            outputs=outputs,
            cotangents=cotangents,
            context=forms.context,
            statics=tuple(p for p in state.statics if p not in shape_parameters(inputs)),
            extents={p: state.sizes.settle(body) for p, body in state.extents.items()},
            gradients=forms.gradients,
            between=forms.between,
            uses=state.pages,
            items=items,
            reference=self.reference,
            tags=self.document.tags,
            hints=self.document.front_matter,
        )
