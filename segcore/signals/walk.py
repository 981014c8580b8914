"""One pass over a delivery that serves all signals that look at its masks and lead times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import sources
from segcore.annotation import ImageAnnotation
from segcore.errors import UsageError
from segcore.lead_time import lead_time_s
from segcore.lints.findings import KEPT, Found, LintFinding
from segcore.lints.layers import layers_of
from segcore.ontology import Ontology
from segcore.signals.mask_digests import digests_of
from segcore.signals.names import Signal, SignalResult, SignalSettings
from segcore.signals.samples import care, too_fast
from segcore.sources import Source, Spec

__all__ = ["signals"]

Counts = npt.NDArray[np.int64]

_NO_TIMES: Final = "it does not say how long its images took"


def signals(
    delivery: str | Spec | Source,
    wanted: Iterable[Signal | str],
    *,
    gold: str | Spec | Source | None = None,
    earlier: Sequence[str | Spec | Source] = (),
    ontology: Ontology | None = None,
    settings: SignalSettings | None = None,
) -> dict[Signal, SignalResult]:
    """Look for what asks for a question: none of it proves anything, an honest vendor can have it too.

    Parameters
    ----------
    delivery : str, Spec or Source
        Every image of it is looked at.
    wanted : iterable of Signal or str
    gold : str, Spec or Source or None
        Needed for ``identical-to-gold`` and ``gold-favoured``, which here goes by lead times; see
        :func:`segcore.signals.favoured_by_audit`.
    earlier : sequence of str, Spec or Source
        Needed for ``identical-to-earlier``.
    ontology : Ontology or None
        For inputs that do not name their classes.
    settings : SignalSettings or None
        None is :class:`SignalSettings` as it is.

    Returns
    -------
    dict of Signal to SignalResult
        In the order of :class:`Signal`.  Memory grows by 16 bytes a mask, and by 16 an image.

    Raises
    ------
    UsageError
        A signal does not exist or lacks what it compares with.
    InvalidInputError, SpecError
        An input is too large to be taken apart, or cannot be opened.
    """
    chosen = _chosen(wanted)
    told = settings or SignalSettings()
    trusted = None if gold is None else sources.open(gold).resolve(ontology=ontology)
    for signal in chosen & {Signal.IDENTICAL_TO_GOLD, Signal.GOLD_FAVOURED}:
        if trusted is None:
            raise UsageError(f"{signal.value} compares the delivery with gold, and none is given")
    if Signal.IDENTICAL_TO_EARLIER in chosen and not earlier:
        raise UsageError("identical-to-earlier compares with earlier deliveries, and none is given")
    source = sources.open(delivery).resolve(ontology=ontology, gold=trusted)
    look = _Look(chosen=frozenset(chosen), told=told, gold=trusted)
    if Signal.IDENTICAL_TO_EARLIER in chosen:
        opened = [sources.open(one).resolve(ontology=ontology, gold=trusted) for one in earlier]
        look.earlier = _all_digests(opened, least_px=told.earlier_px)
    keys = source.keys()
    source.expect(keys)
    if trusted is not None:
        wanted_keys = frozenset(trusted.keys())
        look.with_gold = frozenset(key for key in keys if source.image_of(key) in wanted_keys)
        paired = [source.image_of(key) for key in keys if key in look.with_gold]
        trusted.expect(list(dict.fromkeys(paired)))
    for place, key in enumerate(keys):
        annotation = source.read(key)
        if annotation is not None and annotation.height:
            look.at(annotation, place, source=source)
    return look.results(source, keys)


def _chosen(wanted: Iterable[Signal | str]) -> set[Signal]:
    try:
        return {Signal(name) for name in wanted}
    except ValueError as error:
        known = ", ".join(known.value for known in Signal)
        raise UsageError(f"{str(error).split(' is ')[0]} is no signal; there are {known}") from None


def _all_digests(deliveries: Sequence[Source], *, least_px: int) -> Counts:
    """The digests of all masks of some deliveries, sorted."""
    found: list[Counts] = [np.empty(0, np.int64)]
    for source in deliveries:
        keys = source.keys()
        source.expect(keys)
        for key in keys:
            annotation = source.read(key)
            if annotation is not None and annotation.height:
                found.append(digests_of(annotation, least_px=least_px).digests)
    return np.unique(np.concatenate(found))


@dataclass(slots=True, kw_only=True)
class _Look:
    """What is known of the delivery so far."""

    chosen: frozenset[Signal]
    told: SignalSettings
    gold: Source | None
    with_gold: frozenset[str] = frozenset()
    earlier: Counts = field(default_factory=lambda: np.empty(0, np.int64))
    _gold_masks: Found = field(default_factory=Found)
    _earlier_masks: Found = field(default_factory=Found)
    _digests: list[Counts] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    _times: dict[str, float] = field(default_factory=dict)

    def at(self, annotation: ImageAnnotation, place: int, *, source: Source) -> None:
        """Look at one image, the ``place``-th of its source."""
        chosen, told = self.chosen, self.told
        if Signal.IDENTICAL_TO_GOLD in chosen and annotation.key in self.with_gold and self.gold:
            gold = self.gold.read(source.image_of(annotation.key))
            same: Counts = np.empty(0, np.int64)
            if gold is not None and gold.height:
                same = digests_of(gold, least_px=told.gold_px).digests
            what = "the mask is that of the gold, pixel by pixel"
            _compare(annotation, same, self._gold_masks, least_px=told.gold_px, what=what)
        if Signal.IDENTICAL_TO_EARLIER in chosen:
            what = "the mask is in an earlier delivery, pixel by pixel"
            least_px = told.earlier_px
            _compare(annotation, self.earlier, self._earlier_masks, least_px=least_px, what=what)
        if Signal.REPEATED_MASK in chosen:
            # A mask that is twice in one image is the lint duplicate-instance.
            own = np.unique(digests_of(annotation, least_px=told.repeated_px).digests)
            self._digests.append(own)
            self._places.append(place)
        if {Signal.LEAD_TIME, Signal.GOLD_FAVOURED} & chosen:
            seconds = lead_time_s(annotation, source)
            pixels = 0 if seconds is None else int(layers_of(annotation).areas_px.sum())
            if seconds is not None and pixels:
                self._times[annotation.key] = 1000 * seconds / pixels

    def results(self, source: Source, keys: Sequence[str]) -> dict[Signal, SignalResult]:
        """What all signals say."""
        made: Mapping[Signal, SignalResult] = {
            Signal.IDENTICAL_TO_GOLD: _result(
                Signal.IDENTICAL_TO_GOLD, self._gold_masks, "masks", "it has no large mask with gold"
            ),
            Signal.REPEATED_MASK: self._repeated(source, keys)
            if Signal.REPEATED_MASK in self.chosen
            else _result(Signal.REPEATED_MASK, Found(), "masks", ""),
            Signal.IDENTICAL_TO_EARLIER: _result(
                Signal.IDENTICAL_TO_EARLIER, self._earlier_masks, "masks", "it has no large mask"
            ),
            Signal.LEAD_TIME: too_fast(
                self._times,
                floor_s=self.told.floor_s,
                percentile=self.told.percentile,
                why_not=_NO_TIMES,
            ),
            Signal.GOLD_FAVOURED: care(
                self._times,
                self.with_gold,
                p=self.told.p,
                fewest=self.told.images,
                what="the images of the gold took longer for their pixels than the others",
                unit="s for 1000 px",
                why_not=_NO_TIMES,
            ),
        }
        return {signal: made[signal] for signal in Signal if signal in self.chosen}

    def _repeated(self, source: Source, keys: Sequence[str]) -> SignalResult:
        """Masks that were in an image before."""
        empty = np.empty(0, np.int64)
        digests = np.concatenate([empty, *self._digests])
        places = np.repeat(np.array(self._places, np.int64), [len(own) for own in self._digests])
        _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
        again = np.flatnonzero(first[inverse] != np.arange(len(digests)))
        found = Found(examined=len(digests))
        by_image: dict[int, dict[int, int]] = {}
        for i in again[:KEPT].tolist():
            by_image.setdefault(int(places[i]), {})[int(digests[i])] = int(places[first[inverse[i]]])
        for place, before in by_image.items():
            annotation = source.read(keys[place])
            if annotation is None:
                continue
            masks = digests_of(annotation, least_px=self.told.repeated_px)
            told: set[int] = set()
            for n, digest in enumerate(masks.digests.tolist()):
                if digest in before and digest not in told:
                    told.add(digest)
                    found.add(
                        LintFinding(
                            image=keys[place],
                            annotation=masks.ids[masks.kept[n]],
                            what=f"the mask is in image {keys[before[digest]]} too, pixel by pixel",
                            expected="a mask of its own",
                            got=f"{masks.area_px(n)} px",
                        )
                    )
        found.count(len(again) - found.found)
        return _result(Signal.REPEATED_MASK, found, "masks", "it has no large mask")


def _compare(
    annotation: ImageAnnotation, others: Counts, found: Found, *, least_px: int, what: str
) -> None:
    masks = digests_of(annotation, least_px=least_px)
    found.look(len(masks.kept))
    for n in np.flatnonzero(np.isin(masks.digests, others)).tolist():
        found.add(
            LintFinding(
                image=annotation.key,
                annotation=masks.ids[masks.kept[n]],
                what=what,
                expected="a mask of its own",
                got=f"{masks.area_px(n)} px",
            )
        )


def _result(signal: Signal, found: Found, subject: str, why_not: str) -> SignalResult:
    return SignalResult(
        signal=signal,
        found=found.found,
        findings=tuple(found.findings),
        examined=found.examined,
        subject=subject,
        not_applicable="" if found.examined else why_not,
    )
