"""Reading files and folders of untrusted input."""

from __future__ import annotations

import os
import pickle
import socket
from pathlib import Path

import fsspec
import pytest

from segcore import files
from segcore.errors import MissingExtraError, RefusedFileError, SpecError
from segcore.files import list_files, read_bytes


def refusal(location: Path | str, **options: object) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as caught:
        read_bytes(str(location), **({"limit": 1000} | options))  # type: ignore[arg-type]
    assert caught.value.file == str(location)
    return caught.value


# ---- read_bytes


@pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 3])
def test_a_regular_file_is_read_whole(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)

    assert read_bytes(str(tmp_path / "a"), limit=1000) == content


def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)

    assert len(read_bytes(str(tmp_path / "a"), limit=10)) == 10
    error = refusal(tmp_path / "a", limit=9)
    assert (error.code, error.expected, error.got) == ("limits.bytes", "at most 9 bytes", "10 bytes")


def test_a_file_whose_size_is_not_known_beforehand_is_limited_too() -> None:
    # Files under /proc say they have no bytes.
    assert read_bytes("/proc/self/status", limit=100_000).startswith(b"Name:")
    assert refusal("/proc/self/status", limit=10).code == "limits.bytes"


def test_a_missing_file_is_an_error_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no such file: .*nowhere"):
        read_bytes(str(tmp_path / "nowhere"), limit=10)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_name_the_system_cannot_take_is_an_error_of_the_call(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="cannot read"):
        read_bytes(str(tmp_path / name), limit=10)


def test_a_link_is_refused_unless_the_user_named_it(tmp_path: Path) -> None:
    (tmp_path / "gold").write_bytes(b"gold")
    (tmp_path / "link").symlink_to("gold")

    assert refusal(tmp_path / "link").code == "path.symlink"
    assert read_bytes(str(tmp_path / "link"), limit=10, follow_symlinks=True) == b"gold"


def test_a_link_that_appears_after_the_check_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gold").write_bytes(b"gold")
    (tmp_path / "link").symlink_to("gold")
    real_stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **_: real_stat(path))

    with pytest.raises(SpecError, match="cannot read"):
        read_bytes(str(tmp_path / "link"), limit=10)


@pytest.mark.parametrize("follow", [False, True])
def test_a_pipe_does_not_hang(tmp_path: Path, follow: bool) -> None:
    os.mkfifo(tmp_path / "pipe.png")

    error = refusal(tmp_path / "pipe.png", follow_symlinks=follow)

    assert (error.code, error.got) == ("path.not_regular", "a pipe")


def test_folders_devices_and_sockets_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")

        assert refusal("socket").got == "a socket"
        assert refusal("/dev/null").got == "a device"
        assert refusal(tmp_path).got == "a folder"


def test_a_refusal_survives_the_way_back_from_a_worker_process(tmp_path: Path) -> None:
    error = refusal(tmp_path)

    again = pickle.loads(pickle.dumps(error))

    assert again.to_fault(image="a") == error.to_fault(image="a")
    assert str(again) == str(error)


def test_a_remote_file_is_read_through_fsspec(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/segcore-files/a.bin", b"remote")

    assert read_bytes("memory://segcore-files/a.bin", limit=10) == b"remote"
    assert refusal("memory://segcore-files/a.bin", limit=5).code == "limits.bytes"
    assert refusal("memory://segcore-files").code == "path.not_regular"


def test_a_remote_location_that_cannot_be_read_says_why(memory: fsspec.AbstractFileSystem) -> None:
    with pytest.raises(SpecError, match="no such file: memory://segcore-files"):
        read_bytes("memory://segcore-files/none", limit=5)
    with pytest.raises(SpecError, match=r"cannot read nonsense://a.*nonsense"):
        read_bytes("nonsense://a", limit=5)


def test_a_file_system_that_is_not_installed_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(_: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", not_installed)

    with pytest.raises(MissingExtraError, match="cannot read s3://bucket/a: Install s3fs"):
        read_bytes("s3://bucket/a", limit=5)


def test_a_file_url_is_a_local_path_with_all_its_checks(tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"x")
    (tmp_path / "link").symlink_to("a b")

    assert read_bytes((tmp_path / "a b").as_uri(), limit=5) == b"x"
    assert refusal((tmp_path / "link").as_uri()).code == "path.symlink"


# ---- list_files


def test_files_are_listed_at_any_depth_sorted_by_path(tmp_path: Path) -> None:
    for name in ["b.png", "a/z.png", "a/b/c.PNG", "a.png", "a/note.txt", "c.png/inner.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    entries, faults = list_files(str(tmp_path), suffix=".png")

    assert [e.path for e in entries] == ["a.png", "a/b/c.PNG", "a/z.png", "b.png", "c.png/inner.png"]
    assert [e.location for e in entries] == [f"{tmp_path}/{e.path}" for e in entries]
    assert faults == []


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert list_files(str(tmp_path), suffix=".png") == ([], [])


def test_links_and_special_files_are_faults_and_never_followed(tmp_path: Path) -> None:
    outside, masks = tmp_path / "outside", tmp_path / "masks"
    outside.mkdir()
    masks.mkdir()
    (outside / "secret.png").write_bytes(b"")
    (masks / "folder").symlink_to(outside)
    (masks / "link.png").symlink_to(outside / "secret.png")
    (masks / "loop").symlink_to(masks)
    os.mkfifo(masks / "pipe.png")

    entries, faults = list_files(str(masks), suffix=".png")

    assert entries == []
    assert [(f.code, f.file, f.got) for f in faults] == [
        ("path.symlink", f"{masks}/folder", "a symbolic link"),
        ("path.symlink", f"{masks}/link.png", "a symbolic link"),
        ("path.symlink", f"{masks}/loop", "a symbolic link"),
        ("path.not_regular", f"{masks}/pipe.png", "a pipe"),
    ]


@pytest.mark.parametrize(
    "name",
    [b"a\nb.png", b"\x1b[2Ja.png", b"\xff.png", "a\u202egnp.png".encode(), "a\u2028.png".encode()],
)
def test_a_name_that_could_deceive_a_reader_is_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "fine.png").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"")

    entries, faults = list_files(str(tmp_path), suffix=".png")

    assert [e.path for e in entries] == ["fine.png"]
    assert [f.code for f in faults] == ["path.unsafe"]
    assert faults[0].file.isprintable()
    assert faults[0].got.isprintable()


@pytest.mark.parametrize("name", ["Straße 1.png", "画像.png", "a b.png", "..a.png", "memory::a.png"])
def test_names_of_every_script_are_fine(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")

    entries, faults = list_files(str(tmp_path), suffix=".png")

    assert [e.path for e in entries] == [name]
    assert faults == []
    assert read_bytes(entries[0].location, limit=1) == b"x"


def test_a_missing_folder_and_a_file_are_errors_of_the_call(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(SpecError, match=r"no such folder: .*nowhere"):
        list_files(str(tmp_path / "nowhere"), suffix=".png")
    with pytest.raises(SpecError, match=r"not a folder: .*a\.png"):
        list_files(str(tmp_path / "a.png"), suffix=".png")


def test_a_folder_that_cannot_be_read_is_a_fault_and_the_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.png").write_bytes(b"")
    real_scandir = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed/"):
            raise PermissionError(13, "Permission denied")
        return real_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)

    entries, faults = list_files(str(tmp_path), suffix=".png")

    assert [e.path for e in entries] == ["open/a.png"]
    assert [(f.code, f.got) for f in faults] == [("path.not_regular", "Permission denied")]


def test_a_folder_with_a_deceiving_name_is_refused_with_all_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a\nb").mkdir()
    (tmp_path / "a\nb" / "c.png").write_bytes(b"")

    entries, faults = list_files(str(tmp_path), suffix=".png")

    assert entries == []
    assert [(f.code, f.got) for f in faults] == [("path.unsafe", "a\\nb"), ("path.unsafe", "c.png")]


def test_too_many_entries_are_one_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_bytes(b"")
    monkeypatch.setattr(files, "MAX_FOLDER_ENTRIES", 2)

    entries, faults = list_files(str(tmp_path), suffix=".png")

    assert entries == []
    assert [(f.code, f.file) for f in faults] == [("limits.entries", str(tmp_path))]


def test_folders_count_towards_the_limit_of_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    monkeypatch.setattr(files, "MAX_FOLDER_ENTRIES", 2)

    assert [f.code for f in list_files(str(tmp_path), suffix=".png")[1]] == ["limits.entries"]


def test_a_remote_folder_is_listed_through_fsspec(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/segcore-files/b/x.png", b"1")
    memory.pipe("/segcore-files/a.png", b"2")
    memory.pipe("/segcore-files/a.txt", b"3")

    entries, faults = list_files("memory://segcore-files", suffix=".png")

    assert [(e.path, read_bytes(e.location, limit=9)) for e in entries] == [
        ("a.png", b"2"),
        ("b/x.png", b"1"),
    ]
    assert faults == []


def test_a_remote_folder_that_is_missing_or_a_file_is_an_error_of_the_call(
    memory: fsspec.AbstractFileSystem,
) -> None:
    memory.pipe("/segcore-files/a.png", b"2")

    with pytest.raises(SpecError, match="no such folder"):
        list_files("memory://segcore-files/none", suffix=".png")
    with pytest.raises(SpecError, match="not a folder"):
        list_files("memory://segcore-files/a.png", suffix=".png")


def test_a_folder_in_a_remote_archive_can_be_listed_and_read(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("masks/a.png", b"zipped")
    memory.pipe("/segcore-files/d.zip", (tmp_path / "d.zip").read_bytes())

    entries, _ = list_files("zip://masks::memory://segcore-files/d.zip", suffix=".png")

    assert [e.location for e in entries] == ["zip://masks/a.png::memory://segcore-files/d.zip"]
    assert read_bytes(entries[0].location, limit=10) == b"zipped"
