"""What ``BRUSH_TO_COCO`` of Label Studio makes of annotations, by the converter of its own SDK."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segcore.errors import MissingExtraError

if TYPE_CHECKING:
    from segcore.sources import Source

__all__ = ["export"]


def export(source: Source, folder: Path) -> Path:
    """Write the annotations as the platform's native export, and that as its COCO export.

    Nothing is asked of a server: the SDK's converter is the code a server runs.

    Raises
    ------
    MissingExtraError
        ``label-studio-sdk`` is not installed.
    """
    from segcore.conversion import convert

    try:
        sdk: Any = import_module("label_studio_sdk.converter")
        exports: Any = import_module("label_studio_sdk.converter.exports.brush_to_coco")
    except ModuleNotFoundError as error:
        extra = 'pip install "segcore[label-studio]"'
        raise MissingExtraError(f"{error.name} is not installed; {extra}") from None
    tasks = folder / "tasks.json"
    convert(source, f"label-studio-export:{tasks}?url=/images/&image=.png", lossy=True)
    # it warns of every mask it drops, which is what is measured here
    logging.getLogger("label_studio_sdk").setLevel(logging.ERROR)
    config = tasks.with_name("tasks.config.xml").read_text("utf-8")
    converter = sdk.Converter(config=config, project_dir=None, download_resources=False)
    out = folder / "coco"
    exports.convert_to_coco(converter.iter_from_json_file(str(tasks)), str(out))
    return out / "result_coco.json"
