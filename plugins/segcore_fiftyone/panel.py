"""The panel: how good every class is, where its pixels went, and which samples to look at first.

The state in the browser is what was chosen, nothing else; all that is shown comes from the scores in
the dataset each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.categories import Categories

from segcore.errors import SegcoreError, SpecError
from segcore.sources.spec import Spec
from segcore.wording import printable
from segcore_fiftyone.figures import bars, bars_layout, heatmap, heatmap_layout, standing
from segcore_fiftyone.injection import load_scores, pushed_keys, worst_view
from segcore_fiftyone.operators import uri
from segcore_fiftyone.options import Options
from segcore_fiftyone.runs import newest_key
from segcore_fiftyone.scores import ClassRow, Scores
from segcore_fiftyone.slices import (
    MAX_SLICES,
    Slice,
    find,
    slice_fields,
    slice_view,
    slices,
    without_order,
)

if TYPE_CHECKING:
    import fiftyone as fo

__all__ = ["NAME", "SegcorePanel"]

NAME: Final = "segcore_panel"

_ALL: Final = "all samples"
_VIEW: Final = "current view"
_TAGS: Final = "tags"

_HELP: Final = """\
IoU of every class over all evaluated images; those that fail come first, the lowest of them first.
The mark on a bar is its threshold. Click a bar to see the worst samples of its class.
"""

Context = Any
"""``fiftyone.operators.ExecutionContext``; FiftyOne has no types."""


class SegcorePanel(foo.Panel):
    """``segcore`` in the App."""

    @property
    def config(self) -> Any:
        """How it is listed."""
        return foo.PanelConfig(
            name=NAME,
            label="segcore",
            icon="query_stats",
            category=Categories.ANALYZE,
            allow_multiple=True,
            help_markdown=_HELP,
        )

    # ---- events

    def on_load(self, ctx: Context) -> None:
        """It was opened."""

    def on_change_view(self, ctx: Context) -> None:
        """The samples in the grid are others now; a slice may be made of them."""

    def on_key(self, ctx: Context) -> None:
        """Other scores were chosen."""
        ctx.panel.state.set({"key": ctx.params.get("value"), "value": None})

    def on_by(self, ctx: Context) -> None:
        """Other slices were chosen."""
        ctx.panel.state.set({"by": ctx.params.get("value"), "value": None})

    def on_slice(self, ctx: Context) -> None:
        """A row of the table of slices: show its samples."""
        scores, by = self._scores(ctx), ctx.panel.state.by
        if scores is None or by not in self._paths(ctx):
            return
        found, _ = slices(ctx.dataset, scores, by)
        row = ctx.params.get("row")
        if isinstance(row, int) and 0 <= row < len(found):
            ctx.panel.state.value = found[row].value
            ctx.ops.set_view(slice_view(ctx.dataset, by, found[row].value))

    def on_class(self, ctx: Context) -> None:
        """A bar: show the samples with the class, worst first, and what is drawn on them."""
        scores = self._scores(ctx)
        wanted = str(ctx.params.get("id"))
        found = [c for c in ([] if scores is None else scores.classes) if str(c.index) == wanted]
        if scores is None or not found:
            return
        (c,) = found
        path = scores.names.path(c)
        if not ctx.dataset.has_field(path):
            ctx.ops.notify(f"the field {path} is gone; compute the scores again", variant="error")
            return
        ctx.ops.set_view(worst_view(self._base(ctx, scores), path))
        ctx.ops.set_active_fields([*_own_fields(scores, ctx.dataset.name), path])
        ctx.ops.notify(f"Worst IoU of {printable(c.name)} first", variant="info")

    def compute(self, ctx: Context) -> None:
        """The form of that operator."""
        ctx.prompt(uri("compute_scores"), on_success=self.on_done)

    def policy(self, ctx: Context) -> None:
        """The form of that operator."""
        ctx.prompt(uri("run_policy"), on_success=self.on_done)

    def on_done(self, ctx: Context) -> None:
        """Show the scores that were made."""
        ctx.dataset.reload()
        key = (ctx.params.get("result") or {}).get("key")
        # The state of the dropdown is its own.
        ctx.panel.state.set({"key": key, "menu.key": key, "value": None})

    def clear(self, ctx: Context) -> None:
        """Show all samples again."""
        ctx.panel.state.value = None
        ctx.ops.clear_view()

    # ---- what is shown

    def render(self, ctx: Context) -> Any:
        """The panel, after each event."""
        page = types.Object()
        if ctx.dataset is None:
            return _page(page)
        keys = pushed_keys(ctx.dataset)
        self._menu(ctx, page, keys)
        if not keys:
            _say(
                page,
                "**No scores yet**\n\nCompute them here, run a policy, or push them with "
                "`segcore push fiftyone`.",
                name="empty",
            )
            return _page(page)
        try:
            scores = self._scores(ctx)
        except SegcoreError as error:
            _say(page, f"**{_code(str(error), limit=400)}**", name="error")
            return _page(page)
        if scores is not None:
            self._show(ctx, page, scores)
        return _page(page)

    def _menu(self, ctx: Context, page: Any, keys: Sequence[str]) -> None:
        menu = page.menu("menu", variant="square", align_y="center", gap=1)
        if keys:
            _dropdown(menu, "key", keys, self._key(ctx, keys), label="Scores", on_change=self.on_key)
            by = [_ALL, _VIEW, *self._paths(ctx)]
            chosen = ctx.panel.state.by
            _dropdown(
                menu, "by", by, chosen if chosen in by else _ALL, label="Slices", on_change=self.on_by
            )
        menu.btn("compute", label="Compute", icon="play_arrow", on_click=self.compute)
        menu.btn("policy", label="Policy", icon="gavel", on_click=self.policy)
        if keys:
            menu.btn("clear", label="Reset", icon="clear", on_click=self.clear)

    def _show(self, ctx: Context, page: Any, scores: Scores) -> None:
        shown = scores.worst_first()
        part = self._part(ctx, scores)
        _say(page, _summary(scores, part), name="summary")
        data = {"bars": bars(shown, part=None if part is None else part.classes)}
        limited = any(c.floor is not None for c in shown)
        page.plot(
            "bars",
            layout=bars_layout(shown, legend=limited or part is not None),
            config={"displayModeBar": False, "scrollZoom": False},
            on_click=self.on_class,
        )
        if ctx.panel.state.by in self._paths(ctx):
            self._table(ctx, page, scores)
        _say(page, "**Where the gold pixels of each class went**", name="confusion_title")
        data["confusion"] = heatmap(scores)
        page.plot(
            "confusion",
            layout=heatmap_layout(len(scores.classes)),
            config={"displayModeBar": False, "scrollZoom": False},
        )
        ctx.panel.data.set(data)

    def _table(self, ctx: Context, page: Any, scores: Scores) -> None:
        by = ctx.panel.state.by
        found, more = slices(ctx.dataset, scores, by)
        _say(page, f"**Slices by {_code(by)}**", name="slices_title")
        table = types.TableView(
            on_click_row=self.on_slice,
            # By default a table is wider than most panels, and all of the panel scrolls sideways.
            componentsProps={"table": {"sx": {"minWidth": 0}}},
        )
        columns = {"slice": "Slice", "samples": "Samples", "mean": "Mean IoU", "worst": "Worst class"}
        for key, label in columns.items():
            table.add_column(key, label=label)
        table.add_row_action("show", self.on_slice, icon="visibility", tooltip="Show these samples")
        page.list("slices", types.Object(), view=table)
        ctx.panel.state.slices = [_slice_row(s) for s in found]
        if more:
            _say(page, f"The {MAX_SLICES} largest of {MAX_SLICES + more}.", name="slices_more")

    def _part(self, ctx: Context, scores: Scores) -> Slice | None:
        """The slice that is drawn beside the whole."""
        by, value = ctx.panel.state.by, ctx.panel.state.value
        if by == _VIEW:
            return Slice.of(scores, ctx.view.values("id"), value=_VIEW)
        if value is None or by not in self._paths(ctx):
            return None
        return find(slices(ctx.dataset, scores, by)[0], value)

    # ---- what was chosen

    def _key(self, ctx: Context, keys: Sequence[str]) -> str:
        chosen = ctx.panel.state.key
        return chosen if chosen in keys else newest_key(ctx.dataset, keys)

    def _scores(self, ctx: Context) -> Scores | None:
        keys = pushed_keys(ctx.dataset)
        return load_scores(ctx.dataset, self._key(ctx, keys)) if keys else None

    def _paths(self, ctx: Context) -> tuple[str, ...]:
        return (_TAGS, *slice_fields(ctx.dataset))

    def _base(self, ctx: Context, scores: Scores) -> fo.Dataset | fo.DatasetView:
        """The samples the worst are looked for among: those of the slice."""
        by, value = ctx.panel.state.by, ctx.panel.state.value
        if by == _VIEW:
            return without_order(ctx.view, f"{scores.names.iou}.")
        if value is not None and by in self._paths(ctx):
            return slice_view(ctx.dataset, by, value)
        return ctx.dataset


def _page(page: Any) -> Any:
    return types.Property(page, view=types.GridView(orientation="vertical", gap=1))


def _say(page: Any, markdown: str, *, name: str) -> None:
    page.md(
        markdown, name=name, componentsProps={"container": {"sx": {"px": 2, "overflowWrap": "anywhere"}}}
    )


def _dropdown(
    menu: Any, name: str, choices: Sequence[str], chosen: str, *, label: str, on_change: Any
) -> None:
    view = types.DropdownView(label=label)
    for choice in choices:
        view.add_choice(choice, label=printable(choice))
    menu.str(name, view=view, label=label, default=chosen, on_change=on_change)


def _summary(scores: Scores, part: Slice | None) -> str:
    mean, samples = scores.mean_iou, f"{len(scores.table):,} samples"
    looked_at = scores.policy is not None or any(c.image_limit is not None for c in scores.classes)
    parts = [
        f"**mean IoU {'-' if mean is None else f'{mean:.3f}'}**",
        f"{len(scores.classes)} classes",
        f"{len(scores.failing):,} of {samples} fail" if looked_at else samples,
    ]
    lines = [" · ".join(parts)]
    sides = [f"{info.role} {_code(info.spec)}" for info in scores.inputs]
    if scores.policy is not None:
        sides.append(f"policy {_code(PurePath(scores.policy).name)}")
    lines.append(" · ".join(sides))
    if part is not None:
        mean = part.mean_iou
        lines.append(
            f"slice {_code(part.label)}: **{'-' if mean is None else f'{mean:.3f}'}** over "
            f"{part.samples:,} samples"
        )
    absent = [_absent(c) for c in scores.classes if c.iou is None]
    if absent:
        more = "" if len(absent) <= 10 else f" and {len(absent) - 10} more"
        lines.append(f"on neither side: {', '.join(absent[:10])}{more}")
    if scores.homeless:
        lines.append(f"{scores.homeless:,} evaluated images are in no sample of this dataset")
    return "\n\n".join(lines)


def _absent(c: ClassRow) -> str:
    found = standing(c)
    return _code(c.name) + (f" ({found})" if found else "")


def _slice_row(s: Slice) -> Mapping[str, str]:
    worst, mean = s.worst, s.mean_iou
    return {
        "slice": s.label,
        "samples": f"{s.samples:,}",
        "mean": "-" if mean is None else f"{mean:.3f}",
        "worst": "-" if worst is None else f"{printable(worst.name, limit=28)} {worst.iou:.3f}",
    }


def _code(text: str, *, limit: int = 80) -> str:
    """Untrusted text in Markdown."""
    return f"`{printable(text, limit=limit).replace('`', chr(39))}`"


def _own_fields(scores: Scores, dataset: str) -> list[str]:
    """The fields of this dataset that were evaluated, to be drawn on the samples."""
    found = []
    for info in scores.inputs:
        try:
            spec = Spec.parse(info.spec)
            options = Options.from_spec(spec) if spec.format == "fiftyone" else None
        except SpecError:
            continue  # of a format, or a version, with other options
        if options is not None and options.dataset == dataset:
            found.append(options.field)
    return found
