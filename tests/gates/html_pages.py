"""Pages of judged batches, and what a parser finds in them."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from segcore_gates.html.content import look_at
from segcore_gates.html.overlays import kind_of
from segcore_gates.html.page import page
from segcore_gates.judged import Judging
from segcore_gates.report import Inputs, PolicyReport

VOID = {"br", "img", "meta"}


def judged(path, *, photos=None):
    """The report of a policy, and what its batch shows."""
    batch = Judging(str(path), progress=False).batch()
    report = PolicyReport(
        path=path.name,
        name=batch.policy.policy.name,
        sha256=batch.policy.sha256,
        rules=len(batch.records),
        records=batch.records,
        inputs=Inputs.of(batch.evaluation),
    )
    return report, look_at(batch, batch.records, photos=photos)


def page_of(path, *, photos=None, run=None):
    report, content = judged(path, photos=photos)
    return page([report], {report.path: content}, run=run or {"at": "now"})


class Node:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.children = tag, dict(attributes), parent, []

    def __getitem__(self, key):
        return self.attributes[key]

    def all(self, tag=None, **wanted):
        """Every element below, of a tag and with attributes (``data_id`` is data-id; True is any)."""
        for child in self.children:
            if isinstance(child, Node):
                pairs = {key.rstrip("_").replace("_", "-"): value for key, value in wanted.items()}
                if tag in {None, child.tag} and all(
                    key in child.attributes and value in (True, child.attributes[key])
                    for key, value in pairs.items()
                ):
                    yield child
                yield from child.all(tag, **wanted)

    def one(self, tag=None, **wanted):
        (found,) = self.all(tag, **wanted)
        return found

    @property
    def text(self):
        return "".join(c.text if isinstance(c, Node) else c for c in self.children)


class Parser(HTMLParser):
    """Holds that every element is closed by its own end."""

    def __init__(self):
        super().__init__()
        self.root = self.at = Node("", (), None)

    def handle_starttag(self, tag, attrs):
        node = Node(tag, attrs, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_endtag(self, tag):
        assert self.at.tag == tag
        self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)


def parsed(text):
    parser = Parser()
    parser.feed(text)
    parser.close()
    assert parser.at is parser.root
    return parser.root


def picture(image):
    """The palette indices of an ``img``, one for each pixel of the mask, and the palette."""
    head, _, data = image["src"].partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as opened:
        assert opened.mode == "P"
        indices, colors = np.array(opened), np.array(opened.getpalette()).reshape(-1, 3)
    scale = int(image["data-scale"])
    return indices, colors, scale


def difference(image):
    """The kinds of a difference picture, one letter for each pixel of the mask, rows as words."""
    indices, _, scale = picture(image)
    kinds = np.vectorize(lambda index: kind_of(index).name[0])(indices)
    small = kinds[::scale, ::scale]
    assert (small.repeat(scale, axis=0).repeat(scale, axis=1) == kinds).all()
    return ["".join(row) for row in small]
