"""What ``segcore push label-studio`` refuses before it asks any server."""

from __future__ import annotations

import pytest

from segcore.errors import SpecError, UsageError
from segcore_labelstudio.cli.push import push

GOLD = "coco:gold.json"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"gold": GOLD}, "give --below IOU, or --policy POLICY"),
        ({"gold": GOLD, "below": 0.5, "policy": "p.yaml"}, "not both"),
        ({"below": 0.5}, "--below needs --gold"),
        ({"gold": GOLD, "below": 80.0}, "an IoU above 0 and up to 1, got 80"),
        ({"gold": GOLD, "below": 0.0}, "an IoU above 0 and up to 1, got 0"),
        ({"gold": GOLD, "below": float("nan")}, "an IoU above 0 and up to 1, got nan"),
        ({"gold": GOLD, "policy": "p.yaml"}, "a policy names its gold"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, says):
    with pytest.raises(UsageError, match=says):
        push(project="7", **options)


@pytest.mark.parametrize("project", ["x", "-1", "0", "7?token=abc", "7?what=1", "?key=a"])
def test_a_project_is_a_number_with_options_of_a_source(project):
    with pytest.raises(SpecError):
        push(project=project, gold=GOLD, below=0.5)
