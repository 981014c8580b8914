"""``png:dir``: class-index masks, and the ``ontology.yaml`` that says what the numbers mean.

A number is the id of its class.  8 bits where all numbers fit, else 16; ``bits=8`` or ``bits=16``
insists, ``palette=yes`` adds colours.  Ids that do not fit are refused unless ``ids=renumber`` counts
the classes from 1.  Pixels nobody claimed are 0 where no class has that id, void is 255 or the highest
number that is free, unless the source's ontology says which they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segcore.ontology import Ontology
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, choice, file_of, ontology_text
from segcore.writers.png_files import voc_palette, write_png
from segcore.writers.scene import Scene, painted

__all__ = ["PngWriter"]

ONTOLOGY = "ontology.yaml"


class PngWriter(Writer):
    """Keeps classes and void; one object for each class, no overlap."""

    keeps = Keeps(objects=False, overlap=False, void=True)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        spec = target.spec
        spec.require_known({"bits", "ids", "palette"})
        bits = choice(spec, "bits", ("fit", "8", "16"))
        renumber = choice(spec, "ids", ("keep", "renumber")) == "renumber"
        self._colored = choice(spec, "palette", ("no", "yes")) == "yes"
        self.meaning = _numbered(target, bits=bits, renumber=renumber, colored=self._colored)
        ids = [c.id for c in self.meaning.classes]
        void = self.meaning.ignore[0]
        highest = max(*ids, void, self.meaning.unlabeled[0])
        self._dtype = np.uint16 if bits == "16" or highest > 255 else np.uint8
        # Behind the objects stands void, which painted() calls -1.
        self._values = np.array([self.meaning.unlabeled[0], *ids, void], self._dtype)

    def write(self, scene: Scene) -> None:
        """Write the mask of one image."""
        name = file_of(scene.key, ".png")
        numbers = painted(scene, self.ontology)
        owner = np.append(np.insert(scene.objects.classes + 1, 0, 0), len(self.meaning) + 1)
        values = self._values[owner[numbers]]
        palette = None
        if self._colored:
            palette = voc_palette()
            for c in self.meaning.classes:
                palette[c.id] = c.color or palette[c.id]
        write_png(self.target.path / name, values, palette=palette)

    def finish(self) -> None:
        """Write the ontology file."""
        self.target.path.mkdir(exist_ok=True)
        (self.target.path / ONTOLOGY).write_text(ontology_text(self.meaning), "utf-8")

    def reading(self, location: str) -> Spec:
        """With the ontology file beside the masks."""
        return Spec(format="png", location=location, options={"ontology": f"{location}/{ONTOLOGY}"})


def _numbered(target: Target, *, bits: str, renumber: bool, colored: bool) -> Ontology:
    """The ontology of the masks: ids that fit, one number for void and one for unlabeled."""
    own = target.ontology
    if colored and bits == "16":
        raise target.refuse("a palette of 16 bits", "leave out bits or palette")
    limit = 255 if bits == "8" or colored else 65535
    classes = own.classes
    if renumber:
        classes = tuple(replace(c, id=i) for i, c in enumerate(classes, 1))
        own = replace(own, classes=classes, ignore=(), unlabeled=())
    beyond = [c for c in classes if not 0 <= c.id <= limit]
    if beyond:
        problem = (
            f"{len(beyond)} of {len(classes)} class ids do not fit, such as {beyond[0].id} of "
            f"{beyond[0].name!r}: a mask of {8 if limit == 255 else 16} bits holds 0 to {limit}"
        )
        more = "bits=16 or ids=renumber" if limit == 255 and not colored else "ids=renumber"
        raise target.refuse(problem, f"say ?{more}")
    taken = {c.id for c in classes}
    kept = taken | set(own.ignore)
    unlabeled = _free(own.unlabeled, (0, *range(254, 0, -1), *range(256, limit + 1)), kept, limit)
    taken |= {unlabeled}
    void = _free(own.ignore, (255, *range(254, -1, -1), *range(256, limit + 1)), taken, limit)
    if unlabeled < 0 or void < 0:
        problem = f"{len(classes)} classes leave no number for void and unlabeled pixels"
        raise target.refuse(problem, "say ?bits=16")
    return replace(own, classes=classes, ignore=(void,), unlabeled=(unlabeled,))


def _free(own: tuple[int, ...], wanted: tuple[int, ...], taken: set[int], limit: int) -> int:
    """The source's own number where it has one, else the first free; -1 where there is none."""
    return next((v for v in (*own, *wanted) if v not in taken and 0 <= v <= limit), -1)
