"""Segmentations evaluated by segcore, as a method of FiftyOne's own evaluation.

::

    from segcore_fiftyone.backend import SegcoreEvaluationConfig

    results = dataset.evaluate_segmentations(
        "predictions", eval_key="eval", method=SegcoreEvaluationConfig, ignore=255
    )
    results.iou()                                    # {"car": 0.81, ...}
    with results.use_subset(dataset.match_tags("night")):
        results.iou()

The results load, rename, subset and delete like FiftyOne's own, and the Model Evaluation panel shows
the IoU of every class as a metric.  Fields, indexes, views and the run are those of a push with the
same key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from fiftyone.core.utils import ProgressBar
from fiftyone.utils.eval.segmentation import (
    SegmentationEvaluation,
    SegmentationEvaluationConfig,
    SegmentationResults,
)

import segcore
from segcore.errors import UsageError
from segcore.evaluation import OTHER, Evaluation
from segcore.ontology import Ontology
from segcore.ontology_file import named_ontology
from segcore.wording import show
from segcore_fiftyone.injection import apply, load_scores, plan, plan_removal
from segcore_fiftyone.limits import Limits
from segcore_fiftyone.names import Names
from segcore_fiftyone.samples import Places
from segcore_fiftyone.scores import Scores
from segcore_fiftyone.source import FiftyOneSource
from segcore_fiftyone.targets import MaskTargets

if TYPE_CHECKING:
    from fiftyone.core.collections import SampleCollection

__all__ = ["SegcoreEvaluation", "SegcoreEvaluationConfig", "SegcoreResults"]


class SegcoreEvaluationConfig(SegmentationEvaluationConfig):
    """How segmentations are evaluated.

    Parameters
    ----------
    pred_field, gt_field : str
        Fields of segmentations.
    ontology : str or None
        The file of the classes, or ``preset:NAME``; None takes those of the mask targets.
    ignore : int, sequence of int, or None
        Values that mean void: not counted where the ground truth has them.
    below : float or None
        Samples where a class has a lower IoU are tagged as failing.
    jobs : int
        Worker processes.
    default_sidebar : bool
        Set by the evaluation itself: nobody had arranged the sidebar before.
    **kwargs
        Of FiftyOne's own configuration.
    """

    def __init__(
        self,
        pred_field: str,
        gt_field: str,
        *,
        ontology: str | None = None,
        ignore: int | Sequence[int] | None = None,
        below: float | None = None,
        jobs: int = 1,
        default_sidebar: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(pred_field, gt_field, **kwargs)
        if ontology is not None and not isinstance(ontology, str):
            raise UsageError(
                f"ontology is kept with the evaluation: a file or preset:NAME, got {show(ontology)}"
            )
        self.ontology = ontology
        self.ignore = None if ignore is None else [int(i) for i in np.atleast_1d(ignore)]
        self.below = below
        self.jobs = jobs
        self.default_sidebar = default_sidebar

    @property
    def method(self) -> str:
        """What FiftyOne lists it as."""
        return "segcore"


class SegcoreEvaluation(SegmentationEvaluation):
    """FiftyOne calls this; the numbers come from :func:`segcore.evaluate`.

    Parameters
    ----------
    config : SegcoreEvaluationConfig
    """

    def register_run(
        self,
        samples: SampleCollection,
        key: str | None,
        overwrite: bool = True,
        cleanup: bool = True,
    ) -> None:
        """Note that there is a run, and how the sidebar was before it."""
        dataset = samples._root_dataset
        if key is not None:
            Names(key)
            before = dataset.app_config.sidebar_groups is None
            if key in dataset.list_evaluations():
                config = dataset.get_evaluation_info(key).config
                before |= getattr(config, "default_sidebar", False)
            self.config.default_sidebar = before
        super().register_run(samples, key, overwrite=overwrite, cleanup=cleanup)

    def register_samples(self, samples: SampleCollection, eval_key: str | None) -> None:
        """Nothing: the fields are declared with their values."""

    def evaluate_samples(
        self,
        samples: SampleCollection,
        eval_key: str | None = None,
        mask_targets: Mapping[Any, str] | None = None,
        progress: bool | Callable[..., object] | None = None,
    ) -> SegcoreResults:
        """Evaluate, and write what was found where there is a key.

        Raises
        ------
        InvalidInputError
            A mask was refused: a value nobody names, another size than that of the ground truth, a
            damaged file.  All faults are named; nothing is kept of the evaluation.
        OntologyError
            Nobody says what the values mean.
        UsageError
            Something of that name is in the dataset already.
        """
        dataset = samples._root_dataset
        try:
            evaluation = self._evaluate(samples, mask_targets, progress)
            config = self.config
            names = evaluation.ontology.names
            limits = None if config.below is None else Limits.below(config.below, names)
            ids = {key: key for key in evaluation.tallies.keys}
            places = Places.of(evaluation, ids)
            scores = Scores.of(evaluation, places, key=eval_key or "eval", limits=limits)
            if eval_key is not None:
                apply(plan(dataset, scores))
        except Exception:
            # FiftyOne has registered it before; without results it would be in the way.
            if eval_key is not None and eval_key in dataset.list_evaluations():
                dataset.delete_evaluation(eval_key)
            raise
        return SegcoreResults(
            samples,
            self.config,
            eval_key,
            evaluation.confusion,
            _labels(scores),
            matches=list(self._matches(samples, evaluation, _labels(scores))),
            missing=_labels(scores)[-1],
            custom_metrics=_metric_rows(scores),
            backend=self,
        )

    def _evaluate(
        self,
        samples: SampleCollection,
        mask_targets: Mapping[Any, str] | None,
        progress: bool | Callable[..., object] | None,
    ) -> Evaluation:
        config = self.config
        gold = FiftyOneSource.of(samples, config.gt_field)
        delivery = FiftyOneSource.of(samples, config.pred_field)
        ontology = gold.ontology
        if config.ontology is not None:
            ontology = named_ontology(config.ontology)
        elif mask_targets:
            ontology = _ontology_of(mask_targets)
        if ontology is not None and config.ignore is not None:
            ontology = replace(ontology, ignore=tuple(config.ignore))
        with _reporting(progress) as report:
            return segcore.evaluate(
                gold, delivery, ontology=ontology, jobs=config.jobs, keep_cells=True, progress=report
            )

    def _matches(
        self, samples: SampleCollection, evaluation: Evaluation, labels: Sequence[str]
    ) -> Iterator[tuple[str, str, int, str | None, str | None]]:
        """What FiftyOne keeps: an entry for every cell of the confusion of every sample."""
        paths = ["id", f"{self.config.gt_field}.id", f"{self.config.pred_field}.id"]
        ids = {sample: (gold, pred) for sample, gold, pred in zip(*samples.values(paths), strict=True)}
        kept = evaluation.tallies.cells
        if kept is None:
            raise TypeError("the evaluation has kept no cells")
        rows, columns = np.divmod(kept.cells, len(labels))
        cells = list(zip(rows.tolist(), columns.tolist(), kept.pixels.tolist(), strict=True))
        offsets = kept.offsets.tolist()
        for i, sample in enumerate(evaluation.tallies.keys):
            gold, pred = ids[sample]
            for row, column, pixels in cells[offsets[i] : offsets[i + 1]]:
                yield labels[row], labels[column], pixels, gold, pred

    def get_fields(
        self,
        samples: SampleCollection,
        eval_key: str,
        include_custom_metrics: bool = True,
    ) -> list[str]:
        """The fields of the evaluation."""
        names = Names(eval_key)
        more = self.get_custom_metric_fields(samples, eval_key) if include_custom_metrics else []
        return [names.iou, names.mean, *more]

    def rename(self, samples: SampleCollection, eval_key: str, new_eval_key: str) -> None:
        """Write everything again under another key."""
        dataset = samples._root_dataset
        scores = replace(load_scores(dataset, eval_key), key=new_eval_key)
        plan(dataset, scores)  # refuses before anything is removed
        apply(plan_removal(dataset, eval_key))
        apply(plan(dataset, scores))
        self.rename_custom_metrics(samples, eval_key, new_eval_key)
        samples._rename_sidebar_group(eval_key, new_eval_key)
        if samples._has_sidebar_group(new_eval_key):
            self.add_fields_to_sidebar_group(samples, new_eval_key)

    def cleanup(self, samples: SampleCollection, eval_key: str) -> None:
        """Take everything away again."""
        dataset = samples._root_dataset
        apply(plan_removal(dataset, eval_key))
        self.cleanup_custom_metrics(samples, eval_key)
        samples._delete_empty_sidebar_group(eval_key)
        config = dataset.app_config
        if self.config.default_sidebar and config.sidebar_groups is not None:
            default = config.default_sidebar_groups(dataset)
            if [g.to_dict() for g in config.sidebar_groups] == [g.to_dict() for g in default]:
                config.sidebar_groups = None
                dataset.save()


class SegcoreResults(SegmentationResults):
    """What :meth:`iou` adds to FiftyOne's results.

    The last of ``classes`` is "other": pixels without a class, on either side.  FiftyOne treats it as it
    treats a background: it has no row in a report, and what is lost to it or taken from it counts.
    """

    def iou(self) -> dict[str, float | None]:
        """IoU by class, of the subset where there is one; None for a class neither side holds."""
        values = segcore.iou(self._confusion())
        names = self.classes.tolist()[:-1]
        return {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(names, values, strict=True)
        }

    def mean_iou(self) -> float | None:
        """Mean of :meth:`iou` over the classes that have one; None if none has."""
        values = [value for value in self.iou().values() if value is not None]
        return sum(values) / len(values) if values else None

    def use_subset(self, subset_def: object) -> SegcoreResults:
        """See FiftyOne, whose own fails where there is no pixel at all."""
        if not len(self.ytrue):
            self.ytrue_ids = self.ypred_ids = np.array(["none"])[:0]
            self.weights = np.array([1])[:0]
        results: SegcoreResults = super().use_subset(subset_def)
        return results

    def _confusion(self) -> npt.NDArray[np.int64]:
        whole: npt.NDArray[np.int64] = np.asarray(self.pixel_confusion_matrix, np.int64)
        if not self.has_subset:
            return whole
        place = {name: i for i, name in enumerate(self.classes.tolist())}
        table = np.zeros_like(whole)
        rows = [place[name] for name in self.ytrue.tolist()]
        columns = [place[name] for name in self.ypred.tolist()]
        np.add.at(table, (rows, columns), np.asarray(self.weights, np.int64))
        return table

    def _get_custom_metrics(self) -> dict[str, object]:
        metrics: dict[str, object] = super()._get_custom_metrics()
        if self.has_subset:
            fields = {row["label"]: row["key"] for uri, row in (self.custom_metrics or {}).items()
                      if uri.startswith(_URI)}  # fmt: skip
            values = {_label(name): value for name, value in self.iou().items()}
            values[_MEAN] = self.mean_iou()
            metrics |= {key: values[label] for label, key in fields.items()}
        return metrics


_URI = "segcore/iou/"
_MEAN = "mIoU"


def _label(name: str) -> str:
    return f"IoU {name}"


def _metric_rows(scores: Scores) -> dict[str, dict[str, object]]:
    """A row for every class in the Model Evaluation panel, which takes plain numbers only."""
    rows = [(f"{_URI}mean", "miou", _MEAN, scores.mean_iou)]
    rows += [(f"{_URI}class/{c.field}", f"iou_{c.field}", _label(c.name), c.iou) for c in scores.classes]
    return {
        uri: {"key": key, "value": value, "label": label, "lower_is_better": False}
        for uri, key, label, value in rows
        if value is not None
    }


def _labels(scores: Scores) -> list[str]:
    """The classes, then "other" under a name that is none of theirs."""
    names = [c.name for c in scores.classes]
    other = OTHER
    while other in names:
        other += "_"
    return [*names, other]


def _ontology_of(mask_targets: Mapping[Any, str]) -> Ontology | None:
    targets = MaskTargets.parse(mask_targets, place="mask_targets")
    if targets is not None and targets.colored:
        raise UsageError(
            "colours are named by the dataset: set its mask_targets instead of passing them"
        )
    return None if targets is None else targets.ontology()


@contextmanager
def _reporting(
    progress: bool | Callable[..., object] | None,
) -> Iterator[Callable[[int, int], None]]:
    """A bar of FiftyOne's for what :func:`segcore.evaluate` reports."""
    bars: list[ProgressBar] = []

    def report(done: int, total: int) -> None:
        if not bars:
            bars.append(ProgressBar(total=total, progress=progress).__enter__())
        bars[0].set_iteration(done)

    try:
        yield report
    finally:
        for bar in bars:
            bar.__exit__(None, None, None)
