"""Walking through an export task by task: the very bytes, little memory, every problem named."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import DocumentError, SpecError
from segcore_labelstudio import json_array
from segcore_labelstudio.json_array import array_items
from segcore_labelstudio.store import TaskStore

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class OneByteAtATime(io.BytesIO):
    """The worst that a stream may do."""

    def read(self, size=-1):
        return super().read(min(size, 1) if size != -1 else 1)


def items_of(data: bytes):
    return list(array_items(io.BytesIO(data), file="f.json"))


@given(
    st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=4),
    st.sampled_from([None, 1, "\t"]),
    st.booleans(),
)
def test_the_items_are_those_the_json_module_sees(tasks, indent, ascii_only):
    data = json.dumps(tasks, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    items = items_of(data)

    assert [json.loads(item.data.decode("utf-8", "surrogatepass")) for item in items] == tasks
    assert [data[item.offset : item.offset + len(item.data)] for item in items] == [
        item.data for item in items
    ]
    assert [item.line for item in items] == [data[: item.offset].count(b"\n") + 1 for item in items]


def test_items_are_found_wherever_the_blocks_end(monkeypatch):
    data = rb' [ {"a": "\\\"]}", "b": [1, {"c": "[\\"}]} , {"\"": {}} ] '
    whole = [item.data for item in items_of(data)]

    single = [item.data for item in array_items(OneByteAtATime(data), file="f")]

    assert whole == single == [rb'{"a": "\\\"]}", "b": [1, {"c": "[\\"}]}', rb'{"\"": {}}']


@pytest.mark.parametrize(
    ("data", "code", "line", "problem"),
    [
        (b"", "json.syntax", 1, "empty"),
        (b" \n ", "json.syntax", 2, "empty"),
        (b"\xef\xbb\xbf[]", "json.bom", 1, "byte order mark"),
        (b"\xff\xfe[\x00", "json.encoding", None, "UTF-16"),
        (b"\x1f\x8b\x08", "json.encoding", None, "gzip"),
        (b"PK\x03\x04", "json.encoding", None, "zip"),
        (b"<html>", "json.syntax", 1, "HTML"),
        (b'{"id": 1}', "json.syntax", 1, "got an object"),
        (b"null", "json.syntax", 1, "got something else"),
        (b"[1]", "json.syntax", 1, "not an object"),
        (b"[{}\n,]", "json.syntax", 2, "not an object"),
        (b"[{}{}]", "json.syntax", 1, "comma"),
        (b"[{}] x", "json.syntax", 1, "follows"),
        (b"[{}]\n[]", "json.syntax", 2, "follows"),
        (b'[{"a":\n 1', "json.syntax", 2, "ends early"),
        (b'[{"a', "json.syntax", 1, "ends early"),
        (b'[{"a\\"}]', "json.syntax", 1, "ends early"),
        (b"[{},", "json.syntax", 1, "ends early"),
        (b"[", "json.syntax", 1, "ends early"),
        (b"[{}\n", "json.syntax", 2, "ends early"),
        (b'[{"a":\n' + b"[" * 64 + b"]" * 64 + b"}]", "json.too_deep", 2, "64"),
    ],
)
def test_what_is_no_array_of_objects_is_refused_with_its_line(data, code, line, problem):
    with pytest.raises(DocumentError, match=problem) as error:
        items_of(data)

    assert (error.value.code, error.value.line) == (code, line)


def test_an_item_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(json_array, "MAX_DOCUMENT_BYTES", 1000)
    monkeypatch.setattr(json_array, "_BLOCK_BYTES", 100)

    with pytest.raises(DocumentError, match="more than 1000 bytes") as error:
        items_of(b'[{"a": "' + b"x" * 2000 + b'"}]')

    assert error.value.code == "limits.bytes"


def test_memory_does_not_grow_with_the_number_of_tasks(tmp_path):
    file = tmp_path / "tasks.json"
    task = b'{"id": 1, "rle": [' + b"255, " * 20_000 + b"0]}"
    file.write_bytes(b"[" + b",\n".join([task] * 200) + b"]")  # 20 MB

    tracemalloc.start()
    with file.open("rb") as stream:
        count = sum(1 for _ in array_items(stream, file="f"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 200
    assert peak < 2_000_000


@pytest.fixture
def write(tmp_path):
    def write(*contents: bytes) -> list[str]:
        files = [tmp_path / f"chunk-{i}.json" for i in range(len(contents))]
        for file, content in zip(files, contents, strict=True):
            file.write_bytes(content)
        return [str(file) for file in files]

    return write


def faults_of(store: TaskStore):
    return [(fault.code, fault.image_id, fault.got) for fault in store.faults]


def test_the_tasks_of_several_files_come_in_order_and_are_found_again(write):
    store = TaskStore(write(b'[{"id": 1}, {"id": 2, "a": "\xc3\xa9"}]', b"[]", b'[{"id": 3}]'))

    found = list(store.tasks())

    assert [task["id"] for _, task in found] == [1, 2, 3]
    assert [place.file for place, _ in found] == [0, 0, 2]
    assert [store.task(place) for place, _ in reversed(found)] == [task for _, task in reversed(found)]
    assert len(store.faults) == 0


@pytest.mark.parametrize(
    ("task", "code", "got"),
    [
        (b'{"id": 7, "a": 1, "a": 2}', "json.duplicate_key", "key 'a' is given twice"),
        (b'{"id": 7, "a": NaN}', "json.number", "line 3: NaN"),
        (b'{"id": 7,\n "a": nope}', "json.syntax", "line 4: not valid JSON"),
        (b'{"id": 7, "a": [}', "json.syntax", "not valid JSON"),
        (b'{"id": 7, "a": "\xff"}', "json.encoding", "0xff"),
        (b'{"id": 7, "a": "\\ud800"}', "json.encoding", "surrogate"),
    ],
)
def test_a_broken_task_is_named_by_line_and_id_and_the_others_are_read(write, task, code, got):
    balance = b"]" if task.endswith(b"[}") else b""
    store = TaskStore(write(b'[\n{"id": 1},\n' + task + balance + b',\n{"id": 9}]'))

    ids = [task["id"] for _, task in store.tasks()]

    assert ids == [1, 9]
    [(found_code, image_id, found_got)] = faults_of(store)
    assert (found_code, image_id) == (code, 7)
    assert got in found_got


def test_what_stands_before_the_end_of_a_truncated_file_is_read_and_the_end_is_a_fault(write):
    store = TaskStore(write(b'[{"id": 1},\n{"id": 2', b'[{"id": 3}]'))

    ids = [task["id"] for _, task in store.tasks()]

    assert ids == [1, 3]
    [(code, _, got)] = faults_of(store)
    assert code == "json.syntax"
    assert got.startswith("line 2: the file ends early")


def test_a_file_that_changes_while_it_is_read_stops_the_run(write):
    [file] = write(b'[{"id": 1}, {"id": 2}]')
    store = TaskStore([file])
    places = [place for place, _ in store.tasks()]
    write(b'[{"id": 1}, {"id": 3}]')

    assert store.task(places[0]) == {"id": 1}
    with pytest.raises(SpecError, match="changed while it was read"):
        store.task(places[1])


def test_a_missing_file_is_a_spec_error_and_a_folder_a_fault(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        list(TaskStore([str(tmp_path / "none.json")]).tasks())

    store = TaskStore([str(tmp_path)])
    assert list(store.tasks()) == []
    assert [fault.code for fault in store.faults] == ["path.not_regular"]


def test_a_file_behind_a_url_is_read_the_same_way():
    import fsspec

    fsspec.filesystem("memory").pipe("/export.json", b'[{"id": 1}, {"id": 2}]')
    store = TaskStore(["memory://export.json"])

    found = list(store.tasks())

    assert [store.task(place)["id"] for place, _ in found] == [1, 2]
    with pytest.raises(SpecError, match="no such file"):
        list(TaskStore(["memory://none.json"]).tasks())
