"""What FiftyOne's export to COCO makes of annotations."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from segcore.annotation import Regions
from segcore.errors import UsageError
from segcore_fiftyone.library import asking, connect, load_fiftyone

if TYPE_CHECKING:
    from segcore.sources import Source

__all__ = ["export"]

_FIELD = "segcore"


def export(source: Source, folder: Path) -> Path:
    """Put the annotations into a dataset of their own, export that, and delete it again.

    Raises
    ------
    MissingExtraError
        FiftyOne is not installed.
    ConnectionFailedError
        Its database cannot be reached.
    UsageError
        The source holds label maps: their pixels are no objects.
    """
    fo = load_fiftyone()
    connect()
    file = folder / "coco.json"
    names = () if source.ontology is None else source.ontology.names
    with asking():
        dataset = fo.Dataset(f"segcore-{secrets.token_hex(8)}")
        try:
            for key in source.keys():  # noqa: SIM118 - a source, no dict
                annotation = source.read(key)
                if annotation is None:
                    continue
                content = annotation.content
                if not isinstance(content, Regions):
                    raise UsageError(f"{source.name} holds label maps, and COCO is of objects")
                found = [
                    fo.Detection.from_mask(region.mask.to_array(), label=names[region.class_index])
                    for region in content
                ]
                sample = fo.Sample(
                    filepath=str(folder / f"{key}.png"), **{_FIELD: fo.Detections(detections=found)}
                )
                sample.metadata = fo.ImageMetadata(width=annotation.width, height=annotation.height)
                dataset.add_sample(sample)
            dataset.export(
                labels_path=str(file),
                dataset_type=fo.types.COCODetectionDataset,
                label_field=_FIELD,
                progress=False,
            )
        finally:
            dataset.delete()
    return file
