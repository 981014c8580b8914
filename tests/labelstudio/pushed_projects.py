"""Projects of a real server that tests push to: brush regions, tasks with gold, and the gate."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

HEIGHT, WIDTH = 60, 80
CONFIG = (
    '<View><Image name="image" value="$image"/><BrushLabels name="brush" toName="image">'
    '<Label value="road"/><Label value="car" alias="car_v1"/></BrushLabels></View>'
)


def box(top, bottom, left, right):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def strokes(label, mask, region=None):
    """A brush region as the SDK encodes it; its id is the label unless it is given."""
    from label_studio_sdk.converter.brush import mask2rle

    return {
        "id": region or label,
        "type": "brushlabels",
        "from_name": "brush",
        "to_name": "image",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": mask2rle(mask.astype(np.uint8) * 255), "brushlabels": [label]},
    }


def decoded(region):
    """The mask of a region, by the SDK's decoder."""
    from label_studio_sdk.converter.brush import decode_rle

    return decode_rle(region["value"]["rle"]).reshape(HEIGHT, WIDTH, 4)[..., 3] > 0


def new_project(sdk, gold, deliveries):
    """A project with a task for each delivery, all with one gold, and predictions of others."""
    made = sdk.projects.create(title="push", label_config=CONFIG)
    rows = []
    for i, delivery in enumerate(deliveries):
        annotations = [{"result": gold, "ground_truth": True, "completed_by": 1}]
        if delivery is not None:
            annotations.append({"result": delivery, "ground_truth": False, "completed_by": 1})
        rows.append(
            {
                "data": {"image": f"/data/local-files/?d=files/img-{i}.png", "note": "theirs"},
                "annotations": annotations,
                "predictions": [{"result": [], "model_version": "theirs", "score": 0.5}],
            }
        )
    sdk.projects.import_tasks(id=made.id, request=rows)
    return made.id


def gated(folder, project, rest, *words, code):
    """Gate a project, or do what the words say, by a policy that ends with ``rest``."""
    (folder / "batch.gate.yaml").write_text(
        f'version: 1\ngold: "label-studio:{project}?annotations=ground-truth"\n'
        f'delivery: "label-studio:{project}"\n'
        f"coverage: {{gold_images: 0.5}}\ndefaults: {{support: {{images: 1}}}}\n{rest}"
    )
    program = "import sys; from segcore.cli import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", program, *(words or ["gate"]), "batch.gate.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result
