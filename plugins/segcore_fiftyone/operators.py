"""What the App offers to do: compute scores, push those of other sources, run a policy, remove.

All of it can run at once or be scheduled; all numbers come from :func:`segcore.evaluate`, and all
writes are those of ``segcore push fiftyone``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import fiftyone.operators as foo
from fiftyone.operators import types

import segcore
from segcore.errors import MissingExtraError, UsageError
from segcore.ontology_file import named_ontology
from segcore.sources import Source
from segcore.wording import escaped
from segcore_fiftyone.forms import (
    Context,
    ask_classes,
    ask_key,
    ask_limit,
    integers_of,
    key_of,
    label_fields,
    limits_of,
    refuse,
    text_of,
)
from segcore_fiftyone.injection import pushed_keys
from segcore_fiftyone.sending import Destination, Sent, remove, send
from segcore_fiftyone.source import FiftyOneSource

__all__ = ["OPERATORS", "ComputeScores", "InjectScores", "RemoveScores", "RunPolicy", "uri"]

Result = dict[str, Any]


def uri(name: str) -> str:
    """What FiftyOne calls one of the operators."""
    return f"@segcore/segcore/{name}"


class _Operator(foo.Operator, ABC):
    """A form, and what is done with what was filled in."""

    name: str
    label: str
    about: str
    icon = "query_stats"

    @property
    def config(self) -> Any:
        """How it is listed."""
        return foo.OperatorConfig(
            name=self.name,
            label=f"segcore: {self.label}",
            description=self.about,
            icon=self.icon,
            dynamic=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
        )

    def resolve_input(self, ctx: Context) -> Any:
        """The form."""
        form = types.Object()
        self.ask(ctx, form)
        return types.Property(
            form, view=types.View(label=self.label.capitalize(), description=self.about)
        )

    def execute(self, ctx: Context) -> Result:
        """Do it.

        Raises
        ------
        SegcoreError
            It cannot be done as asked; the App shows why.
        """
        result = self.do(ctx)
        if not ctx.delegated:
            ctx.ops.reload_dataset()
        return result

    def resolve_output(self, ctx: Context) -> Any:
        """What was done."""
        shown = types.Object()
        if ctx.results.get("outcome"):
            shown.str("outcome", label="Outcome")
        if ctx.results.get("mean_iou"):
            shown.str("mean_iou", label="Mean IoU")
        shown.str("says", label="Done")
        if ctx.results.get("notes"):
            shown.str("notes", label="Notes")
        if ctx.results.get("rules"):
            table = types.TableView()
            for column in ("verdict", "rule", "value", "limit", "reason"):
                table.add_column(column, label=column.capitalize())
            shown.list("rules", types.Object(), label="Rules", view=table)
        return types.Property(shown, view=types.View(label=self.label.capitalize()))

    @abstractmethod
    def ask(self, ctx: Context, form: Any) -> None:
        """Add what is asked for."""

    @abstractmethod
    def do(self, ctx: Context) -> Result:
        """Do it, and say what was done."""


class ComputeScores(_Operator):
    """Evaluate one field of the dataset against another."""

    name = "compute_scores"
    label = "compute scores"
    about = "IoU of every class of one label field against another, kept with the dataset"

    def ask(self, ctx: Context, form: Any) -> None:
        """Two fields, classes, a threshold, a key; and which samples."""
        fields = label_fields(ctx)
        if len(fields) < 2:
            text = "The dataset needs two fields of labels: the gold, and what was delivered"
            form.view("too_few", types.Warning(label=text)).invalid = True
            return
        gold = ctx.params.get("gold")
        form.enum("gold", fields, required=True, label="Gold", description="The trusted labels")
        form.enum(
            "delivery",
            [name for name in fields if name != gold],
            required=True,
            label="Delivery",
            description="The labels under test",
        )
        ask_classes(form)
        ignore = form.str(
            "ignore",
            label="Ignored values",
            description="Mask values that mean void, such as 255; several with commas",
        )
        refuse(ignore, lambda: integers_of(ctx.params.get("ignore")))
        ask_limit(form)
        ask_key(form)
        ctx.target_view()  # with this FiftyOne asks for which samples

    def do(self, ctx: Context) -> Result:
        """Evaluate and write."""
        params, samples = ctx.params, ctx.target_view()
        gold = FiftyOneSource.of(samples, params["gold"])
        delivery = FiftyOneSource.of(samples, params["delivery"])
        text, ignore = text_of(params, "ontology"), integers_of(params.get("ignore"))
        ontology = gold.ontology if text is None else named_ontology(text)
        if ignore and ontology is None:
            raise UsageError("nobody says what the values of the masks mean: name an ontology")
        if ignore and ontology is not None:
            ontology = replace(ontology, ignore=ignore)
        evaluation = segcore.evaluate(gold, delivery, ontology=ontology, progress=_reporter(ctx))
        return _pushed(ctx, evaluation, gold=gold, delivery=delivery)


class InjectScores(_Operator):
    """Evaluate sources of any format and show the scores here."""

    name = "inject_scores"
    label = "inject scores"
    about = "Evaluate annotations from anywhere and write their scores to the samples of this dataset"
    icon = "input"

    def ask(self, ctx: Context, form: Any) -> None:  # noqa: ARG002 - of the base class
        """Two sources, classes, a threshold, a key, and how images are found."""
        example = "such as coco:gold.json, png:masks/ or fiftyone:streets/ground_truth"
        for side in ("gold", "delivery"):
            form.str(side, required=True, label=side.capitalize(), description=f"A source, {example}")
        ask_classes(form)
        ask_limit(form)
        form.str(
            "join",
            label="Find samples by",
            description="stem (the file name, the default), id, or a field of the dataset",
        )
        ask_key(form)

    def do(self, ctx: Context) -> Result:
        """Evaluate and write."""
        params = ctx.params
        gold, delivery = segcore.open(params["gold"]), segcore.open(params["delivery"])
        evaluation = segcore.evaluate(
            gold, delivery, ontology=text_of(params, "ontology"), progress=_reporter(ctx)
        )
        join = text_of(params, "join")
        return _pushed(ctx, evaluation, gold=gold, delivery=delivery, join=join)


class RunPolicy(_Operator):
    """Judge a batch and show the verdicts here."""

    name = "run_policy"
    label = "run a policy"
    about = "Judge the gold and delivery of a policy, and write scores and verdicts to this dataset"
    icon = "gavel"

    def ask(self, ctx: Context, form: Any) -> None:  # noqa: ARG002 - of the base class
        """A file, a key, and how images are found."""
        form.str(
            "policy",
            required=True,
            label="Policy",
            description="The path of the file, as the computer that runs this App sees it",
        )
        form.str(
            "join",
            label="Find samples by",
            description="stem, id or a field; of a field of this dataset its own key, else stem",
        )
        ask_key(form, default=None)

    def do(self, ctx: Context) -> Result:
        """Judge and write."""
        try:
            from segcore_fiftyone.policy_push import NAME, PolicyPush, send_judged
            from segcore_gates.judged import Judging
            from segcore_gates.records import measured, number, outcome

            judge = Judging(ctx.params["policy"], progress=False)
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f'policies need {error.name}: pip install "segcore[gates]"'
            ) from None
        batch, said = judge.batch(), judge.push_of(NAME, PolicyPush)
        base = Destination(dataset=ctx.dataset.name)
        if said is not None and said.destination.dataset == base.dataset:
            base = said.destination
        destination = replace(
            base,
            key=text_of(ctx.params, "key") or base.key,
            join=text_of(ctx.params, "join") or base.join,
        )
        return _sent(
            send_judged(destination, batch),
            key=destination.key,
            mean_iou=batch.evaluation.mean_iou,
            outcome=outcome(batch.records).value,
            rules=[
                {
                    "verdict": record.verdict.value,
                    "rule": escaped(record.id),
                    "value": "-" if record.value is None else measured(record.value, record.unit),
                    "limit": number(record.limit, record.unit),
                    "reason": escaped(record.reason),
                }
                for record in batch.records
            ],
        )


class RemoveScores(_Operator):
    """Take away what was written under a key."""

    name = "remove_scores"
    label = "remove scores"
    about = "Take away the fields, indexes, tags, views and runs of a key, and nothing else"
    icon = "delete"

    def ask(self, ctx: Context, form: Any) -> None:
        """Which key."""
        keys = pushed_keys(ctx.dataset)
        if not keys:
            text = "No scores of segcore are in this dataset"
            form.view("none", types.Warning(label=text)).invalid = True
            return
        form.enum("key", list(keys), required=True, label="Key")

    def do(self, ctx: Context) -> Result:
        """Remove."""
        return _sent(
            remove(Destination(dataset=ctx.dataset.name, key=key_of(ctx.params))), key=key_of(ctx.params)
        )


OPERATORS: Final = (ComputeScores, InjectScores, RemoveScores, RunPolicy)


# ---- what is said


def _reporter(ctx: Context) -> Callable[[int, int], None]:
    """At most a hundred reports: FiftyOne writes each of a scheduled run to its database."""
    last = -1

    def report(done: int, total: int) -> None:
        nonlocal last
        percent = 100 * done // total if total else 100
        if percent != last:
            last = percent
            ctx.set_progress(progress=percent / 100, label=f"{done} of {total} images")

    return report


def _pushed(
    ctx: Context,
    evaluation: segcore.Evaluation,
    *,
    gold: Source,
    delivery: Source,
    join: str | None = None,
) -> Result:
    """Write the scores to the dataset of the App under the key that was filled in."""
    destination = Destination(dataset=ctx.dataset.name, key=key_of(ctx.params), join=join)
    sent = send(
        destination,
        evaluation,
        gold=gold,
        delivery=delivery,
        limits=limits_of(ctx.params, evaluation),
    )
    return _sent(sent, key=destination.key, mean_iou=evaluation.mean_iou)


def _sent(
    sent: Sent,
    *,
    key: str,
    mean_iou: float | None = None,
    outcome: str | None = None,
    rules: Sequence[Mapping[str, str]] = (),
) -> Result:
    return {
        "key": key,
        "says": escaped(sent.says),
        "notes": escaped("; ".join(sent.notes)),
        "mean_iou": None if mean_iou is None else f"{mean_iou:.4f}",
        "outcome": outcome,
        "rules": list(rules),
    }
