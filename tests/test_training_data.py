"""Data: bundled sets, files in each format, and one clear line for each file that is damaged."""

import gzip
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_models import data_of, shortened

from derivcheck import registry
from derivcheck.training import MODELS, data_for, loaders
from derivcheck.training.augmentation import AUGMENTATIONS, augmented
from derivcheck.training.batches import Batches, needed
from derivcheck.training.bundled import BUNDLED
from derivcheck.training.data import Data, DataError, Unsuitable, standardised

SHARED = Path(__file__).parents[2] / "shared" / "data"


def rng():
    return np.random.default_rng(0)


def load(path, column=None) -> Data:
    return loaders.load(path, rng(), column)


# --- bundled ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_data_are_whole(name):
    data = BUNDLED[name](rng())
    assert data.name == name
    for part in (data.train, data.validation, data.test):
        assert all(np.isfinite(each).all() for each in part.values())
        assert len({len(each) for each in part.values()}) == 1
    if data.kind != "values":
        assert len(data.labels) == data.classes
    if data.kind == "classes":
        assert set(data.test["y"]) <= set(data.train["y"]) == set(range(data.classes))


@pytest.mark.parametrize("length", [10, 20])
def test_palindromes_are_palindromes_and_each_is_in_one_part(length):
    data = BUNDLED[f"palindromes-{length}"](rng())
    parts = [np.column_stack([p["x"], p["y"]]) for p in (data.train, data.validation, data.test)]
    whole = np.concatenate(parts)
    assert whole.shape == (2 ** (length // 2), length)
    np.testing.assert_array_equal(whole, whole[:, ::-1])
    assert len(np.unique(whole, axis=0)) == len(whole)


def test_parts_are_drawn_by_the_seed_and_share_no_example():
    first, again, other = (BUNDLED["diabetes"](np.random.default_rng(n)) for n in (0, 0, 1))
    for name in ("train", "validation", "test"):
        rows = [getattr(data, name)["x"] for data in (first, again, other)]
        np.testing.assert_array_equal(rows[0], rows[1])
        assert not np.array_equal(rows[0], rows[2])
    sizes = [len(part["x"]) for part in (first.train, first.validation, first.test)]
    assert sizes == [319, 35, 88]
    values = np.concatenate([p["x"] for p in (first.train, first.validation, first.test)])
    assert len(np.unique(values, axis=0)) == sum(sizes)


def test_a_text_is_cut_in_its_own_order():
    data = BUNDLED["pages"](rng())
    parts = [part["x"] for part in (data.train, data.validation, data.test)]
    text = "".join(data.labels[code] for code in np.concatenate(parts))
    assert text == "\n".join(registry.source(name).text for name in registry.names())
    shares = [len(part) / len(text) for part in parts]
    np.testing.assert_allclose(shares, [0.855, 0.045, 0.1], atol=1e-3)


def test_what_is_held_out_does_not_move_the_standard():
    """Mean and deviation are those of the training part, whatever the other two hold."""
    whole = BUNDLED["wave"](rng())
    odd = {"x": whole.test["x"] + 100.0, "y": whole.test["y"] * 100.0}
    one, other = standardised(whole), standardised(replace(whole, validation=odd, test=odd))
    for name, values in one.train.items():
        np.testing.assert_array_equal(values, other.train[name])
        np.testing.assert_allclose([values.mean(), values.std()], [0.0, 1.0], atol=1e-12)


def test_every_model_has_data_that_need_no_file():
    for model in MODELS.values():
        assert data_for(model, None, 0).kind == model.kind


def test_a_name_that_is_none_and_data_that_do_not_fit():
    model = MODELS["mlp_elu"]
    with pytest.raises(Unsuitable, match=r"no data are called 'digit'.*nearest: digits"):
        data_for(model, "digit", 0)
    with pytest.raises(Unsuitable, match="wave holds values, and mlp_elu is trained on classes"):
        data_for(model, "wave", 0)
    with pytest.raises(Unsuitable, match="iris holds rows of numbers, and cnn is for images"):
        data_for(MODELS["cnn"], "iris", 0)
    with pytest.raises(DataError, match=r"nowhere/at\.npz: there is no such file"):
        data_for(model, "nowhere/at.npz", 0)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_keeps_shape_and_differs_by_image(name):
    x = rng().random((20, 3, 8, 8))
    after = augmented(x, (name,), rng())
    assert after.shape == x.shape
    changed = (after != x).any(axis=(1, 2, 3))
    assert changed.any()
    np.testing.assert_array_equal(augmented(x, (name,), rng()), after)


def test_a_flipped_image_is_its_mirror_and_a_cropped_one_a_window():
    x = rng().random((50, 1, 8, 8))
    for image, after in zip(x, augmented(x, ("flip",), rng()), strict=True):
        assert any(np.array_equal(after, each) for each in (image, image[..., ::-1]))
    for image, after in zip(x, augmented(x, ("crop",), rng()), strict=True):
        assert set(np.unique(after)) <= {0.0, *np.unique(image)}


# --- .npz ---------------------------------------------------------------------------------------


def images(count, channels=None):
    shape = (count, 8, 6) if channels is None else (count, 8, 6, channels)
    return rng().integers(0, 256, shape).astype(np.uint8)


def archive(path, **arrays):
    whole = {
        "x_train": images(10),
        "y_train": np.arange(10) % 3,
        "x_test": images(4),
        "y_test": np.arange(4) % 3,
    }
    whole.update(arrays)
    np.savez(path, **{name: value for name, value in whole.items() if value is not None})
    return path


def test_an_archive_of_images(tmp_path):
    data = load(archive(tmp_path / "a.npz"))
    assert (data.kind, data.classes, data.shape) == ("classes", 3, (1, 8, 6))
    seen = np.concatenate([data.train["x"], data.validation["x"]])[:, 0]
    order = np.lexsort(seen.reshape(10, -1).T), np.lexsort(images(10).reshape(10, -1).T)
    np.testing.assert_allclose(seen[order[0]], images(10)[order[1]] / 255, rtol=1e-6)
    coloured = archive(tmp_path / "b.npz", x_train=images(10, 3), x_test=images(4, 3))
    data = load(coloured)
    assert data.shape == (3, 8, 6)
    np.testing.assert_allclose(data.test["x"][3, 2], images(4, 3)[3, :, :, 2] / 255, rtol=1e-6)


def test_an_archive_in_one_part_is_split(tmp_path):
    path = tmp_path / "a.npz"
    x = rng().normal(size=(20, 3))
    np.savez(path, x=x, y=x[:, 0])
    data = load(path)
    assert data.kind == "values"
    sizes = [len(part["x"]) for part in (data.train, data.validation, data.test)]
    assert sizes == [14, 2, 4]
    np.testing.assert_allclose(data.train["x"].mean(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"y_test": None}, "it has no y_test, only"),
        ({"x_train": images(9)}, r"y_train has shape \(10,\); x_train has 9 examples"),
        ({"x_test": images(4, 3)}, "x_test holds examples of shape"),
        ({"x_train": images(10) / 255.0}, "x_train holds float64; images are needed as uint8"),
        ({"y_train": np.arange(10) - 1}, "y_train holds the class -1"),
        ({"x_train": np.zeros((0, 8, 6), np.uint8)}, "x_train is empty"),
        ({"x_train": np.zeros(10)}, r"x_train has shape \(10,\)"),
        ({"x_train": np.array([{}] * 10)}, "no archive of plain arrays"),
        ({"y_train": np.array([0.0] * 9 + [np.nan])}, r"y_train holds nan at \(9,\)"),
        ({"y_train": np.array(["a"] * 10)}, "y_train holds <U1"),
    ],
)
def test_an_archive_that_is_wrong_says_where(tmp_path, arrays, what):
    path = archive(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=what) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_numbers_that_are_none_are_found_in_a_table(tmp_path):
    x = rng().normal(size=(10, 4))
    x[3, 2] = np.inf
    path = archive(tmp_path / "a.npz", x_train=x, x_test=rng().normal(size=(4, 4)))
    with pytest.raises(DataError, match=r"x_train holds inf at \(3, 2\)"):
        load(path)


@pytest.mark.parametrize("cut", [10, 200, 500])
def test_a_truncated_archive(tmp_path, cut):
    path = archive(tmp_path / "a.npz")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"a\.npz: it is no archive of plain arrays"):
        load(path)


# --- idx ----------------------------------------------------------------------------------------


def idx_bytes(array):
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def idx_folder(folder, *, zipped=False):
    parts = {"train": 10, "t10k": 4}
    for part, count in parts.items():
        for name, array in (
            (f"{part}-images-idx3-ubyte", images(count)),
            (f"{part}-labels-idx1-ubyte", np.arange(count) % 3),
        ):
            content = idx_bytes(array)
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files(tmp_path, zipped):
    data = load(idx_folder(tmp_path, zipped=zipped))
    assert (data.kind, data.classes, data.shape) == ("classes", 3, (1, 8, 6))
    np.testing.assert_allclose(data.test["x"][:, 0], images(4) / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("train-images-idx3-ubyte", lambda b: b[:-1], r"needs 480 bytes, 479 follow"),
        ("train-images-idx3-ubyte", lambda b: b[:9], "it ends after 9 bytes, within its header"),
        ("t10k-labels-idx1-ubyte", lambda b: b"\1" + b[1:], "magic number is 01 00 08 01"),
        ("train-labels-idx1-ubyte", lambda b: idx_bytes(np.zeros(9)), "x_train has 10 examples"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path, name, content, what):
    path = idx_folder(tmp_path) / name
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(DataError, match=what):
        load(tmp_path)


def test_a_missing_or_broken_idx_file_is_named(tmp_path):
    folder = idx_folder(tmp_path, zipped=True)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match=r"idx1-ubyte\.gz: its compression is damaged"):
        load(folder)
    path.unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte: there is no such file"):
        load(folder)


# --- CIFAR-10 -----------------------------------------------------------------------------------

BATCHES = (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")


def rows(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3072)).astype(np.uint8)


def cifar_folder(folder, *, binary):
    for n, name in enumerate(BATCHES):
        labels, pixels = np.arange(6) % 10, rows(6, n)
        if binary:
            whole = np.column_stack([labels.astype(np.uint8), pixels])
            (folder / f"{name}.bin").write_bytes(whole.tobytes())
        else:
            fields = {b"labels": labels.tolist(), b"data": pixels, b"filenames": [b"a.png"] * 6}
            (folder / name).write_bytes(pickle.dumps(fields, protocol=2))
    return folder


@pytest.mark.parametrize("binary", [True, False])
def test_cifar_in_both_official_versions(tmp_path, binary):
    data = load(cifar_folder(tmp_path, binary=binary))
    assert (data.kind, data.shape, len(data.train["x"])) == ("classes", (3, 32, 32), 27)
    expected = rows(6, 5).reshape(6, 3, 32, 32) / 255
    np.testing.assert_allclose(data.test["x"], expected, rtol=1e-6)


class Hostile:
    def __reduce__(self):
        return (Path.touch, (Path("derivcheck-was-here"),))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (pickle.dumps(Hostile()), "it wants to call"),
        (pickle.dumps({b"data": rows(6)}), "no batch of data and labels"),
        (pickle.dumps({b"data": rows(6)[:, :9], b"labels": [0] * 6}), r"data has shape \(6, 9\)"),
        (pickle.dumps({b"data": rows(6), b"labels": [0] * 5}), "labels are no list of 6 classes"),
        (pickle.dumps({b"data": rows(6), b"labels": [11] * 6}), "labels holds 11"),
        (pickle.dumps({b"data": [1, 2], b"labels": [0, 0]}), "data is no array"),
        (pickle.dumps({b"data": rows(6), b"labels": [0] * 6})[:-40], "no batch of data and labels"),
        (b"", "no batch of data and labels"),
    ],
)
def test_a_damaged_or_hostile_batch_is_named_and_runs_nothing(tmp_path, monkeypatch, content, what):
    monkeypatch.chdir(tmp_path)
    folder = cifar_folder(tmp_path, binary=False)
    (folder / "data_batch_3").write_bytes(content)
    with pytest.raises(DataError, match=rf"data_batch_3: .*{what}"):
        load(folder)
    assert not (tmp_path / "derivcheck-was-here").exists()


def test_a_truncated_binary_batch_is_named(tmp_path):
    path = cifar_folder(tmp_path, binary=True) / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"test_batch\.bin: it has 18437 bytes"):
        load(tmp_path)


def test_a_folder_of_neither_kind(tmp_path):
    with pytest.raises(DataError, match="neither CIFAR-10's batches nor idx files"):
        load(tmp_path)


# --- tables and texts ---------------------------------------------------------------------------

TABLE = "kind,length,width\n" + "".join(
    f"{'ab'[n % 2]},{n + 1},{(n * 7) % 11}.5\n" for n in range(20)
)


def test_a_table_is_standardised_and_its_words_become_columns(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    data = load(path)
    assert (data.kind, data.shape, data.left_out) == ("values", (3,), 0)
    np.testing.assert_allclose(data.train["x"].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(data.train["x"].std(axis=0), 1.0)
    told = load(path, "kind")
    assert (told.kind, told.classes, told.labels, told.shape) == ("classes", 2, ("a", "b"), (2,))


def test_the_column_is_named_with_the_path(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    assert data_for(MODELS["softmax_regression"], f"{path}:kind", 0).labels == ("a", "b")


def test_rows_with_holes_are_left_out_where_that_is_asked_for(tmp_path):
    whole, holey = tmp_path / "whole.csv", tmp_path / "holey.csv"
    whole.write_text(TABLE)
    holey.write_text(TABLE.replace("a,1,", "a,NA,1.5\n\n,0,1.5\na,1,") + "b,7,\n")
    complete = loaders.load(whole, rng(), None)
    found = loaders.load(holey, rng(), None, drop_incomplete=True)
    assert (complete.left_out, found.left_out) == (0, 3)
    for part in ("train", "validation", "test"):
        for name, values in getattr(complete, part).items():
            np.testing.assert_array_equal(values, getattr(found, part)[name])
    with pytest.raises(DataError, match=r"line 2, column length: .*; 3 of 23 rows are incomplete"):
        loaders.load(holey, rng(), None)
    holey.write_text("a,b\n1,2\n3,4\n,5\n,6\n")
    with pytest.raises(DataError, match="2 of 4 rows are complete; 3 are the least"):
        loaders.load(holey, rng(), None, drop_incomplete=True)


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        (TABLE, "weight", "it has no column 'weight', only kind, length, width"),
        (TABLE.replace("a,3,", "a,,"), None, "line 4, column length: there is no value"),
        (TABLE.replace("a,3,", "a,nan,"), None, "line 4, column length: there is no value"),
        (TABLE.replace("a,3,", "a,inf,"), None, "line 4, column length: inf is no number"),
        (TABLE.replace("a,3,", "a,long,"), None, "line 4, column length: 'long' is a word among"),
        (TABLE.replace("a,3,", "7,3,"), None, "line 4, column kind: '7' is a number among words"),
        (TABLE.replace("a,3,", "a,3,4,"), None, "line 4 has 4 columns, the first 3"),
        (TABLE.replace("length", "width"), None, "the column 'width' is there twice"),
        ("a\n1\n2\n3\n", None, "a is its only column"),
        ("a,b\n1,2\n2,2\n3,2\n", None, "column b: all its values are 2.0"),
        ("a,b\n1,\n2,2\n,3\n4,4\n", None, "line 2, column b: .*; 2 of 4 rows are incomplete"),
        ("a,b\n", None, "it has 1 lines"),
        ("", None, "it has 0 lines"),
        ('a,b\n1,"2\n', None, "no CSV in UTF-8"),
    ],
)
def test_a_table_that_is_wrong_says_line_and_column(tmp_path, text, column, what):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=what):
        load(path, column)


def test_a_text_by_characters(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("añb" * 1000, encoding="utf-8")
    data = load(path)
    assert (data.kind, data.labels) == ("text", ("a", "b", "ñ"))
    sizes = [len(part["x"]) for part in (data.train, data.validation, data.test)]
    assert sizes == [2565, 135, 300]


def test_a_text_that_is_too_short_for_a_model_is_refused(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a palindrome or two, " * 150)
    assert data_for(MODELS["transformer"], str(path), 0).kind == "text"
    with pytest.raises(Unsuitable, match="leaves 2694 characters for training; char_lstm needs"):
        data_for(MODELS["char_lstm"], str(path), 0)


def test_the_shortest_text_that_a_model_takes_has_every_batch(tmp_path):
    model = shortened("char_lstm", 4)
    least = needed(model.recipe)
    data = data_of("char_lstm")
    for length in (least, least + 1, 2 * least):
        part = {"x": data.train["x"][:length]}
        batches = Batches(model, replace(data, train=part), 0, np.dtype("float64"))
        for step in range(3 * batches.steps_per_epoch):
            assert batches.at(step)["y"].shape == (8, 12)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"caf\xe9" * 1000, "no text in UTF-8: byte 3"),
        (b"short", "it has 5 characters"),
        (b"a" * 2000 + b"\0", "byte 0 at character 2000"),
    ],
)
def test_a_text_that_is_none(tmp_path, content, what):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=what):
        load(path)


# --- what a machine with the shared data has ----------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data sets")
@pytest.mark.parametrize(
    ("name", "kind", "shape"),
    [
        ("mnist_10k_10k.npz", "classes", (1, 28, 28)),
        ("cifar10_5k_1k.npz", "classes", (3, 32, 32)),
        ("timemachine.txt", "text", ()),
    ],
)
def test_real_files(name, kind, shape):
    data = load(SHARED / name)
    assert (data.kind, data.shape) == (kind, shape)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data sets")
def test_a_real_table_with_a_hole():
    with pytest.raises(DataError, match="line 15, column Weight: there is no value"):
        load(SHARED / "Fish.csv", "Weight")
    data = loaders.load(SHARED / "Fish.csv", rng(), "Weight", drop_incomplete=True)
    assert sum(len(part["x"]) for part in (data.train, data.validation, data.test)) == 158
    assert (data.kind, data.left_out) == ("values", 1)
