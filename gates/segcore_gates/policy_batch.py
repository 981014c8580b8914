"""The batch of a policy in the views its rules need, each counted when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from segcore.errors import UsageError
from segcore_gates.conversion.ceilings import require_measured_gold
from segcore_gates.hand_written import require_pins
from segcore_gates.metrics import view_of
from segcore_gates.slices.attributes import BatchAttributes
from segcore_gates.verdict import adjusted_p_values
from segcore_gates.views import SEMANTIC, View, fewest

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation, MeasuredBatch
    from segcore.sources import Source
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.policy_file import LoadedPolicy
    from segcore_gates.rules import Rule

__all__ = ["PolicyBatch"]

_T = TypeVar("_T")


class PolicyBatch:
    """What the rules of a policy are judged by.

    Parameters
    ----------
    policy : LoadedPolicy
    evaluations : Evaluations
        Of the session.
    keep_sources : bool
        Keep what was read for :meth:`pixels`.
    """

    def __init__(
        self, policy: LoadedPolicy, evaluations: Evaluations, *, keep_sources: bool = False
    ) -> None:
        self._policy = policy
        self._evaluations = evaluations
        self._keep_sources = keep_sources
        more = (view for check in policy.checks for view in check.views)
        self._counted = fewest([*map(view_of, policy.rules), *more])
        self._seen: dict[View | None, MeasuredBatch] = {}
        self._digests: tuple[str, ...] | None = None
        self._adjusted: dict[str, Mapping[str, float]] = {}
        self._sources: tuple[Source, Source] | None = None
        self._shared: dict[str, Any] = {}
        self._attributes: BatchAttributes | None = None

    @property
    def policy(self) -> LoadedPolicy:
        """The policy."""
        return self._policy

    def view(self, rule: Rule) -> View:
        """The view that is counted for a rule; rules with the same one share an evaluation."""
        return self._counted[view_of(rule)]

    def evaluation(self, rule: Rule) -> MeasuredBatch:
        """The evaluation of the rule's view.

        Raises
        ------
        UsageError
            An input is not the one the policy pins, cannot be opened, does not hold what the view
            needs, or changed since another view was counted.
        InvalidInputError
            An input was refused.
        """
        return self.seen(view_of(rule))

    def seen(self, wanted: View | None) -> MeasuredBatch:
        """The evaluation of a view that a rule or another check of the policy needs.

        Raises
        ------
        UsageError, InvalidInputError
            See :meth:`evaluation`.
        """
        if wanted not in self._seen:
            found = self._count(self._counted[wanted])
            self._seen[wanted] = found if wanted is None else wanted.of(found)
        return self._seen[wanted]

    def _count(self, view: View) -> MeasuredBatch:
        policy = self._policy
        later = [
            other
            for other in dict.fromkeys(self._counted.values())
            if other != view and not self._knows(other)
        ]
        found = self._evaluations.get(
            policy.gold,
            policy.delivery,
            ontology=policy.ontology,
            view=view,
            keep_sources=self._keep_sources or bool(later),
        )
        if not (self._keep_sources or later):
            self._evaluations.drop_sources(policy.gold, policy.delivery, ontology=policy.ontology)
        self._require_same_inputs(found)
        if policy.attributes is None:
            return found
        return replace(found, annotators=self._known(found).annotators())

    def attributes(self) -> BatchAttributes:
        """What is known of the images beside their masks.

        Raises
        ------
        PolicyError
            The file of attributes names an image that neither side has.
        """
        return self._known(self.seen(next(iter(self._counted))))

    def _known(self, evaluation: MeasuredBatch) -> BatchAttributes:
        if self._attributes is None:
            table = self._policy.attributes
            self._attributes = BatchAttributes(evaluation, table, self.sources)
        return self._attributes

    def adjusted_p(self, rule: Rule) -> float | None:
        """The p value of a rule, adjusted within its gate; None where none is asked for."""
        if rule.gate not in self._adjusted:
            family = [other for other in self._policy.rules if other.gate == rule.gate]
            self._adjusted[rule.gate] = adjusted_p_values(family, self.evaluation(rule))
        return self._adjusted[rule.gate].get(rule.id)

    def sources(self) -> tuple[Source, Source]:
        """The gold and the delivery, opened apart from what is evaluated, to be read in any way.

        Their faults are those of this reading; the evaluation refuses an input, this does not.
        """
        import segcore

        if self._sources is None:
            policy = self._policy
            gold, delivery = segcore.open(policy.gold), segcore.open(policy.delivery)
            gold.fetch(progress=None)
            delivery.fetch(progress=None)
            gold = gold.resolve(ontology=policy.ontology)
            self._sources = gold, delivery.resolve(ontology=policy.ontology, gold=gold)
        return self._sources

    def once(self, what: str, make: Callable[[], _T]) -> _T:
        """What several checks of a kind share, made by the first that asks; so is what it raises.

        Parameters
        ----------
        what : str
            The kind of check.
        make : callable
            Makes it.
        """
        if what not in self._shared:
            try:
                self._shared[what] = make()
            except Exception as error:
                self._shared[what] = error
        found = self._shared[what]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found  # type: ignore[no-any-return]

    def semantic(self) -> Evaluation:
        """The semantic evaluation, for what is no rule; made where no rule is about pixels.

        Raises
        ------
        UsageError, InvalidInputError
            As :meth:`evaluation` does.
        """
        from segcore.evaluation import Evaluation

        found = self._count(fewest([*self._counted, SEMANTIC])[SEMANTIC])
        if not isinstance(found, Evaluation):
            raise TypeError("the semantic view is no semantic evaluation")
        return found

    def pixels(self) -> tuple[Evaluation, Source, Source]:
        """The semantic evaluation with the gold and the delivery it was made of.

        It is made for the purpose where no rule is about pixels.
        """
        from segcore.evaluation import Evaluation

        policy = self._policy
        view = fewest([SEMANTIC, *self._counted])[SEMANTIC]
        found, gold, delivery = self._evaluations.with_sources(
            policy.gold, policy.delivery, ontology=policy.ontology, view=view
        )
        self._require_same_inputs(found)
        if not isinstance(found, Evaluation):
            raise TypeError(f"the {view} view is no semantic evaluation")
        return found, gold, delivery

    def _knows(self, view: View) -> bool:
        policy = self._policy
        return self._evaluations.knows(policy.gold, policy.delivery, ontology=policy.ontology, view=view)

    def _require_same_inputs(self, evaluation: MeasuredBatch) -> None:
        """Refuse inputs that are not those the policy pins, or of which two views saw other bytes."""
        require_pins(self._policy, evaluation)
        require_measured_gold(self._policy.rules, evaluation)
        digests = tuple(info.sha256 for info in evaluation.inputs)
        if self._digests is None:
            self._digests = digests
        if digests != self._digests:
            raise UsageError("an input changed while its batch was judged; run it again")
