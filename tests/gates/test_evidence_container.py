"""The file of a bundle: one form, and nothing that two readers could read in two ways."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from evidence_bundles import evidence, sealed
from hypothesis import given
from hypothesis import strategies as st

from segcore_gates.evidence.verifier import container
from segcore_gates.evidence.verifier.container import NoBundleError, RejectedError, packed, unpacked
from segcore_gates.evidence.verifier.documents import canonical, digest
from segcore_gates.evidence.verifier.verification import verified

MEMBERS = {"a.json": b"{}\n", "b.json": b"", "c.sha256": b"PK\3\4 is no header here"}
REFUSED = (NoBundleError, RejectedError)


def zipped(write, **options) -> bytes:
    """What another program writes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        write(archive)
    return stream.getvalue()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A whole bundle of one class in one image; its verifier is cut short, as nothing reads it here."""
    folder = tmp_path_factory.mktemp("small")
    corner = [[0, 0, 5, 0, 5, 5, 0, 5]]
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": corner,
             "area": 25, "bbox": [0, 0, 5, 5]},
        ],
    }  # fmt: skip
    for name in ("gold.json", "delivery.json"):
        (folder / name).write_text(json.dumps(document))
    (folder / "batch.gate.yaml").write_text(
        "version: 1\ngold: coco:gold.json\ndelivery: coco:delivery.json\n"
        "gates: {g: {metric: iou, min: {default: 0.5}, support: {images: 1}}}\n"
    )
    data = sealed({**unpacked(evidence(folder / "batch.gate.yaml")), "verify.py": b"#\n"})
    assert not verified(data).problems
    return data


def test_other_programs_read_what_is_written(tmp_path):
    file = tmp_path / "members.zip"
    file.write_bytes(packed(MEMBERS))

    with zipfile.ZipFile(file) as archive:
        broken = archive.testzip()
        found = {name: archive.read(name) for name in archive.namelist()}

    assert broken is None
    assert found == MEMBERS


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}\.[a-z]{1,4}", fullmatch=True), st.binary(max_size=99)))
def test_members_come_out_as_they_went_in(members):
    if members:
        assert unpacked(packed(members)) == members


def test_every_change_of_every_byte_of_a_container_is_refused():
    data = packed(MEMBERS)

    for at in range(len(data)):
        for value in range(256):
            if value != data[at]:
                with pytest.raises(REFUSED):
                    unpacked(data[:at] + bytes([value]) + data[at + 1 :])


def test_every_byte_of_a_bundle_counts(small):
    for at in range(len(small)):
        for mask in (0x01, 0x80, 0xFF):
            with pytest.raises(REFUSED):
                verified(small[:at] + bytes([small[at] ^ mask]) + small[at + 1 :])


def test_every_byte_of_every_member_counts_in_a_container_made_anew(small):
    members = unpacked(small)

    for name, data in members.items():
        for at in range(len(data)):
            other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            with pytest.raises(REFUSED):
                verified(packed({**members, name: other}))


@pytest.mark.parametrize("length", [0, 1, -1, -20, 30, 40])
def test_a_file_that_is_cut_short_is_refused(small, length):
    with pytest.raises(REFUSED):
        verified(small[:length])


def test_members_that_are_swapped_removed_added_or_renamed_are_refused(small):
    members = unpacked(small)
    names = list(members)
    others = [{k: v for k, v in members.items() if k != name} for name in names]
    others += [
        {**members, one: members[other], other: members[one]}
        for one, other in zip(names, [*names[1:], names[0]], strict=True)
    ]
    others.append({**members, "more.json": b"{}\n"})
    others.append({"zounts.json" if name == "counts.json" else name: members[name] for name in names})

    for other in others:
        with pytest.raises(REFUSED):
            verified(packed(other))


@pytest.mark.parametrize("where", ["before", "after"])
def test_bytes_around_the_container_are_refused(where):
    data = packed(MEMBERS)

    with pytest.raises(REFUSED):
        unpacked(b"\n" + data if where == "before" else data + b"\n")


def test_bytes_between_two_members_are_refused():
    data = packed(MEMBERS)
    second = data.index(b"PK\3\4", 4)

    with pytest.raises(RejectedError):
        unpacked(data[:second] + b"hidden" + data[second:])


@pytest.mark.parametrize(
    "name",
    ["../a.json", "/a.json", "..\\a.json", "C:a.json", "dir/a.json", "A.json", "a", "a.json ", "é.json"],
)
def test_no_name_leads_anywhere(name):
    data = zipped(lambda archive: archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), b""))

    with pytest.raises(RejectedError):
        unpacked(data)
    with pytest.raises(ValueError, match="name"):
        packed({name: b""})


def test_a_name_that_stands_twice_is_refused():
    once = packed({"a.json": b"1"})
    header = once[: once.index(b"PK\1\2")]

    with pytest.raises(RejectedError, match="twice"):
        unpacked(header + once)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_is_refused_so_that_nothing_grows(method):
    data = zipped(lambda archive: archive.writestr("a.json", b"0" * 10**6), compression=method)

    with pytest.raises(RejectedError):
        unpacked(data)


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        pytest.param(6, 0x0001, id="encrypted"),
        pytest.param(6, 0x0008, id="sizes-after-the-data"),
        pytest.param(6, 0x0800, id="utf-8"),
        pytest.param(4, 45, id="zip64"),
        pytest.param(28, 4, id="extra-field"),
    ],
)
def test_what_a_header_may_say_elsewhere_is_refused(offset, value):
    data = bytearray(packed({"a.json": b"12345678"}))
    struct.pack_into("<H", data, offset, value)

    with pytest.raises(RejectedError):
        unpacked(bytes(data))


def test_a_comment_is_refused():
    def write(archive):
        archive.writestr(zipfile.ZipInfo("a.json", (1980, 1, 1, 0, 0, 0)), b"1")
        archive.comment = b"accepted"

    with pytest.raises(RejectedError):
        unpacked(zipped(write))


def test_more_members_than_any_bundle_has_are_refused():
    with pytest.raises(RejectedError, match="too many"):
        unpacked(packed({f"a{k}.json": b"" for k in range(65)}))


def test_what_is_too_large_is_neither_written_nor_read(monkeypatch):
    monkeypatch.setattr(container, "MAX_BYTES", 100)

    with pytest.raises(ValueError, match="100 bytes"):
        packed({"a.json": b"0" * 100})
    with pytest.raises(NoBundleError):
        unpacked(b"PK\3\4" + b"0" * 200)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"PK\5\6" + b"\0" * 18, packed({"a.json": b"{}\n"})])
def test_a_file_of_another_kind_is_no_bundle(data):
    with pytest.raises(NoBundleError):
        verified(data)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}\n', b'{"a":NaN}\n', b'{"a":1e999}\n', b'{"b":1,"a":1}\n', b'{ "a":1}\n', b"[]\n",
        b'{"a":1}', b"\xff\n", b"[" * 99_999,
        b'{"a":' + b"9" * 9999 + b"}\n", "{\"a\":\"é\"}\n".encode(),
    ],
)  # fmt: skip
def test_a_document_that_could_be_read_in_two_ways_is_refused(small, text):
    members = {**unpacked(small), "counts.json": text}

    with pytest.raises(RejectedError, match=r"counts\.json"):
        verified(sealed(members))


def test_the_digest_of_the_manifest_is_one_that_sha256sum_checks(small, tmp_path):
    members = unpacked(small)
    for name in ("manifest.json", "manifest.sha256"):
        (tmp_path / name).write_bytes(members[name])

    result = subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=tmp_path, check=False)

    assert result.returncode == 0
    assert digest(members["manifest.json"]) == members["manifest.sha256"].decode()[:64]
    assert canonical(json.loads(members["manifest.json"])) == members["manifest.json"]
    assert Path(tmp_path / "manifest.json").stat().st_size == len(members["manifest.json"])
