"""MNIST and its readers, splits and minibatches."""

import gzip
import io
import re
import shutil
import struct
import zipfile

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import _mnist_files

# Examples per class, as published.
TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# --- MNIST


def test_mnist(mnist):
    x_train, y_train, x_test, y_test = mnist
    for x, y, counts in ((x_train, y_train, TRAIN), (x_test, y_test, TEST)):
        assert x.shape == (sum(counts), 784)
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert (x.min(), x.max()) == (0, 1)
        assert np.bincount(y).tolist() == counts
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # The mean and standard deviation that everybody scales MNIST by.
    assert round(float(x_train.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(x_train.std(dtype=np.float64)), 4) == 0.3081


def test_mnist_images_are_upright(mnist):
    x_train, _, x_test, _ = mnist
    raw = nn.load_idx(_mnist_files.MNIST_FOLDER / "t10k-images-idx3-ubyte.gz")
    assert raw.shape == (10_000, 28, 28)
    assert raw.dtype == np.uint8
    np.testing.assert_array_equal(x_test.reshape(-1, 28, 28), raw / np.float32(255))
    # The first image, a 5, begins with its bar at the top and ends at the bottom left.
    image = x_train[0].reshape(28, 28)
    assert np.flatnonzero(image.any(axis=1))[[0, -1]].tolist() == [5, 24]
    assert image[5:9].nonzero()[1].mean() > 14 > image[21:25].nonzero()[1].mean()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the data files, which tests may damage."""
    for name in _mnist_files.MNIST_SHA256:
        shutil.copyfile(_mnist_files.MNIST_FOLDER / f"{name}.gz", tmp_path / f"{name}.gz")
    monkeypatch.setattr(_mnist_files, "MNIST_FOLDER", tmp_path)
    return tmp_path


ADVICE = (
    "install the package again, or restore the file with `git checkout -- nnfromscratch/_mnist`"
)


@pytest.mark.parametrize("name", _mnist_files.MNIST_SHA256)
def test_missing_file(name, folder):
    path = folder / f"{name}.gz"
    path.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        nn.load_mnist()
    assert str(caught.value) == f"load_mnist: {path} is missing; {ADVICE}"


def test_one_changed_byte_is_noticed(folder):
    path = folder / "train-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[1000] ^= 1
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError) as caught:
        nn.load_mnist()
    assert str(caught.value) == (
        f"load_mnist: {path} is damaged: its SHA-256 is not the published one; {ADVICE}"
    )


@pytest.mark.parametrize("damage", ["cut short", "changed inside", "garbage in gzip's clothes"])
def test_damaged_compression_is_named(damage, folder):
    path = folder / "train-labels-idx1-ubyte.gz"
    content = bytearray(path.read_bytes())
    if damage == "cut short":
        del content[5000:]
    elif damage == "changed inside":
        content[5000] ^= 0xFF
    else:
        content = b"\x1f\x8bgarbage that is long enough"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: ") as caught:
        nn.load_mnist()
    assert str(path) in str(caught.value)
    assert ADVICE in str(caught.value)


# --- IDX files


def idx(code, array):
    """The bytes of an IDX file; all its numbers have the highest byte first."""
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("code", "dtype"),
    [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")],
)
def test_idx_of_every_type(code, dtype, compress, tmp_path):
    array = np.arange(100, 124).reshape(2, 3, 4).astype(dtype)
    path = tmp_path / "file"
    path.write_bytes(compress(idx(code, array)))
    loaded = nn.load_idx(str(path))
    assert loaded.dtype == np.dtype(dtype)
    assert loaded.dtype.isnative
    np.testing.assert_array_equal(loaded, array)
    loaded[:] = 0  # the caller's own


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28), (1, 1, 1, 1)])
def test_idx_of_odd_shapes(shape, tmp_path):
    (tmp_path / "file").write_bytes(idx(8, np.zeros(shape, np.uint8)))
    assert nn.load_idx(tmp_path / "file").shape == shape


GOOD = idx(8, np.zeros((2, 28, 28), np.uint8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an IDX file: it begins with b''"),
        (b"\x89PNG....", "is not an IDX file: it begins with b'\\x89PNG' and is a PNG picture"),
        (
            b"<html>",
            "is not an IDX file: it begins with b'<htm' and is a web page or other markup; "
            "the download went wrong",
        ),
        (b"\0\0\7\1....", "is not an IDX file: it begins with b'\\x00\\x00\\x07\\x01'"),
        (GOOD[:9], "is cut short inside its header"),
        (
            GOOD[:-1],
            "is damaged: its header (2, 28, 28) asks for 1568 bytes of data, but 1567 follow",
        ),
        (
            GOOD + b"\0",
            "is damaged: its header (2, 28, 28) asks for 1568 bytes of data, but 1569 follow",
        ),
    ],
)
def test_idx_that_is_none(content, message, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        nn.load_idx(path)
    assert str(caught.value) == f"load_idx: {path} {message}"


@pytest.mark.parametrize(
    "content", [b"\0\0\x08\x46" + b"\0\0\0\1" * 70 + b"1", b"\0\0\x08\4" + b"\0" * 4 + b"\xff" * 12]
)
def test_idx_beyond_what_numpy_can_hold(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=r"^load_idx: .*file is damaged: "):
        nn.load_idx(tmp_path / "file")


def test_missing_files_are_named(tmp_path):
    for load in (nn.load_idx, nn.load_digits_csv):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            load(tmp_path / "nowhere")


# --- CSV files

ROWS = "5,0,255,51,102\n0,255,0,0,0\n"


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        ROWS.rstrip(),
        ROWS.replace("\n", "\r\n"),
        ROWS.replace(",", ", "),
        "label,pixel0,pixel1,pixel2,pixel3\n" + ROWS,
        '"label","pixel0","pixel1","pixel2","pixel3"\n' + ROWS,
        "\ufefflabel,1x1,1x2,2x1,2x2\n" + ROWS + "\n\n",
    ],
    ids=["plain", "no last newline", "crlf", "spaces", "header", "quoted", "BOM and blank lines"],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_csv(text, compress, tmp_path):
    (tmp_path / "digits.csv").write_bytes(compress(text.encode()))
    x, y = nn.load_digits_csv(str(tmp_path / "digits.csv"))
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, [5, 0])
    np.testing.assert_array_equal(x, np.float32([[0, 1, 0.2, 0.4], [1, 0, 0, 0]]))


def test_csv_of_one_image_agrees_with_mnist(mnist, tmp_path):
    x_train, y_train, _, _ = mnist
    pixels = np.rint(x_train[:1] * 255).astype(int)
    (tmp_path / "digits.csv").write_text(",".join(map(str, [y_train[0], *pixels[0]])))
    x, y = nn.load_digits_csv(tmp_path / "digits.csv", label_column=0)
    np.testing.assert_array_equal(x, x_train[:1])
    np.testing.assert_array_equal(y, y_train[:1])


NAMES = "label,pixel0,pixel1,pixel2,pixel3\n"


@pytest.mark.parametrize(
    "content",
    [
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t"),
        ROWS.replace(",", " "),
        (NAMES + ROWS).replace(",", ";"),
        "sep=;\n" + (NAMES + ROWS).replace(",", ";"),
        '"sep=,"\r\n' + NAMES + ROWS,
        re.sub(r"(\d+)", r'"\1"', ROWS),
        ROWS.replace("255", "255.0").replace("5,0", "5.0,0.00"),
        "5,0,1.0,0.2,0.4\n0,1,0,0,0\n",
        "Label,a,b,c,d\n" + ROWS,
        "a,b,c,d,class\n0,255,51,102,5\n255,0,0,0,0\n",
        "a,b,digit,c,d\n0,255,5,51,102\n255,0,0,0,0\n",
        "id,a,b,c,d,label\n17,0,255,51,102,5\n18,255,0,0,0,0\n",
        ",label,0,1,2,3\n0,5,0,255,51,102\n1,0,255,0,0,0\n",
        "ImageId,Label,a,b,c,d\n1,5,0,255,51,102\n2,0,255,0,0,0\n",
        NAMES + ROWS + ",,,,\n\n",
        (NAMES + ROWS).encode("utf-16"),
        (NAMES + ROWS).replace("pixel", "pixel\u00e9").encode("latin-1"),
    ],
)
def test_csv_as_people_have_it(content, tmp_path):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "digits.csv").write_bytes(content)
    x, y = nn.load_digits_csv(tmp_path / "digits.csv")
    np.testing.assert_array_equal(y, [5, 0])
    np.testing.assert_allclose(x, [[0, 1, 0.2, 0.4], [1, 0, 0, 0]], rtol=1e-7)
    assert (x.dtype, y.dtype) == (np.float32, np.int64)


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def test_a_zip_with_one_file_in_it(tmp_path):
    path = tmp_path / "train.csv.zip"
    for content in (zipped(train__csv=ROWS), zipped(train__csv=ROWS, notes__txt="five, zero")):
        path.write_bytes(content)
        assert nn.load_digits_csv(path)[1].tolist() == [5, 0]
    path.write_bytes(zipped(images=gzip.compress(GOOD)))
    assert nn.load_idx(path).shape == (2, 28, 28)


@pytest.mark.parametrize("names", ["", "a,b,c,d,species\n", "sep=,\n"])
@pytest.mark.parametrize("label_column", [-1, 4, "species"])
def test_a_label_in_the_last_column(names, label_column, tmp_path):
    rows = "0,255,51,102,5\n0,0,0,255,9\n"
    path = tmp_path / "digits.csv"
    path.write_text(names + rows)
    with pytest.raises(ValueError, match=r"label_column="):
        nn.load_digits_csv(path)
    if label_column != "species" or "species" in names:
        x, y = nn.load_digits_csv(path, label_column=label_column)
        assert y.tolist() == [5, 9]
        np.testing.assert_allclose(x, [[0, 1, 0.2, 0.4], [0, 0, 0, 1]], rtol=1e-6)
        assert nn.load_digits_csv(path, label_column=0)[1].tolist() == [0, 0]


def test_names_by_position_are_no_image(tmp_path):
    rows = "".join(f"{label},99" + ",0" * 15 + "\n" for label in (7, 1))
    (tmp_path / "digits.csv").write_text(f"{','.join(map(str, range(17)))}\n" + rows)
    assert nn.load_digits_csv(tmp_path / "digits.csv")[1].tolist() == [7, 1]


def test_transposed_images_are_turned_upright(tmp_path):
    upright = np.arange(100, 108, dtype=np.uint8).reshape(2, 2, 2)
    turned = upright.swapaxes(1, 2)
    (tmp_path / "idx").write_bytes(idx(8, turned))
    np.testing.assert_array_equal(nn.load_idx(tmp_path / "idx"), turned)
    loaded = nn.load_idx(tmp_path / "idx", transposed=True)
    np.testing.assert_array_equal(loaded, upright)
    assert loaded.flags.c_contiguous
    rows = [f"1,{','.join(map(str, image.ravel()))}" for image in turned]
    (tmp_path / "csv").write_text("\n".join(rows))
    x, _ = nn.load_digits_csv(tmp_path / "csv", label_column=0, transposed=True)
    np.testing.assert_array_equal(x, upright.reshape(2, -1) / np.float32(255))
    (tmp_path / "labels").write_bytes(idx(8, np.arange(5, dtype=np.uint8)))
    with pytest.raises(ValueError, match=r"labels has shape \(5,\): no images to transpose"):
        nn.load_idx(tmp_path / "labels", transposed=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no images"),
        ("\n\n", "holds no images"),
        ("sep=;", "holds no images"),
        ("label,a,b,c,d\n\n", "holds no images"),
        ("1,2,3,4,5\n\n1,2,3\n", "has 3 values in line 3, but 5 in line 1"),
        ("label,a,b,c,d\n1,2,3,x,5\n", "has 'x' in line 2, column 4, where a number is needed"),
        ("1,2,3,x,5\n", "has 'x' in line 1, column 4, where a number is needed"),
        ("1,2,3,4,5#6\n", "has '5#6' in line 1, column 5, where a number is needed"),
        ("1;2,5;3;4;5\n", "has '2,5' in line 1, column 2, where a number is needed"),
        ("1,2,3,nan,5\n", "has 'nan' in line 1, column 4, where a number is needed"),
        ("1,2,3,1e99,5\n", "has '1e99' in line 1, column 4, where a number is needed"),
        ("1,2,3,4,\n", "has no value in line 1, column 5"),
        (",2,3,4,5\n", "has no value in line 1, column 1"),
        (NAMES + "1,2,,4,5\n", "has no value in line 2, column 3"),
        (NAMES + "1.5,2,3,4,5\n", "has the label 1.5; labels are whole numbers from 0"),
        (NAMES + "-1,2,3,4,5\n", "has the label -1; labels are whole numbers from 0"),
        (NAMES + "40000,2,3,4,5\n", "has the label 40000; labels are whole numbers from 0"),
        ("1,2\n", "has 2 columns; a label and a square image are needed, such as 1 + 784. Is it "),
        ("ImageId,Label\n1,0\n2,0\n", "has 2 columns; a label and a square image are needed, such "
         "as 1 + 784. Is it a list of answers, such as a submission?"),
        ("a,b,c,d\n1,2,3,4\n", "has 4 columns; a label and a square image are needed, such as "
         "1 + 784. Is the label column missing?"),
        ("7,1,2,3,4,5\n", "has 6 columns; a label and a square image are needed, such as 1 + 784. "
         "Is there a column of ids, too?"),
        ("1,2,3\n" * 5, "has 3 columns; a label and a square image are needed, such as 1 + 784. "
         "Has it a column for each image? Then transpose it."),
        ("1\n", "has 1 columns; a label and a square image are needed"),
        ("a,b,c,d,e\n" + ROWS, "has 5 columns, called a, b, c, ..., e, and none of them is called "
         "label, class, digit, target or y; say which holds the label, as in label_column='a'"),
        ("label,b,c,d,y\n" + ROWS, "has 5 columns, called label, b, c, ..., y, and more than one "),
        ("label,a,b,c\n" + ROWS, "names 4 columns, but has 5"),
        ("\ufeff <!DOCTYPE html>\n<p>404", "is a web page or other markup; the download "),
        ("version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS; `git lfs "),
        (GOOD, "is an IDX file; load_idx reads it"),
        (b"7,0\0\0\0", "is no text in UTF-8; save it as CSV in UTF-8"),
        (gzip.compress(gzip.compress(b"1", mtime=0), mtime=0), "is compressed twice"),
        (gzip.compress(ROWS.encode(), mtime=0)[:-9], "is damaged: "),
        (zipped(a__csv=ROWS)[:-30], "is damaged: "),
        (zipped(a__csv=ROWS, b__csv=ROWS), "cannot be unpacked: it holds 2 files (a.csv, b.csv); "
         "unpack it and name one of them"),
        (zipped(**{"[Content_Types]__xml": "", "xl/a__xml": ""}), "cannot be unpacked: it is an "
         "Excel workbook or another document of Office; save it as CSV"),
        (b"\xd0\xcf\x11\xe0....", "is an Excel workbook; save it as CSV"),
    ],
)  # fmt: skip
def test_csv_that_is_none(content, message, tmp_path):
    path = tmp_path / "digits.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError) as caught:
        nn.load_digits_csv(path)
    assert str(caught.value).startswith(f"load_digits_csv: {path} {message}")


@pytest.mark.parametrize(
    "columns",
    [
        ([0, 0, 0, 0], [1, 26, 3, 4]),  # letters in the last column
        ([0, 0, 0, 0], [7, 7, 7, 7]),  # one class
        ([0], [7]),  # one row
        ([0, 3, 1, 2], [9, 0, 4, 1]),  # faint pixels and digits
        ([90, 0, 0, 0], [5, 9, 9, 5]),
        ([7, 7, 7, 7], [0, 0, 0, 0]),  # one class in the first column, for all that one can tell
        ([0, 100, 200, 300], [0, 0, 0, 0]),  # an index and no label
    ],
)
def test_without_names_a_doubtful_label_is_asked_for(columns, tmp_path):
    first, last = columns
    path = tmp_path / "digits.csv"
    rows = [f"{a},255,51,102,{b}\n" for a, b in zip(first, last, strict=True)]
    path.write_text("".join(rows))
    with pytest.raises(ValueError) as caught:
        nn.load_digits_csv(path)
    assert str(caught.value) == (
        f"load_digits_csv: {path} may hold its labels in the first column, which goes from "
        f"{min(first)} to {max(first)}, or in the last, from {min(last)} to {max(last)}; say "
        "label_column=0 or label_column=-1"
    )
    assert nn.load_digits_csv(path, label_column=0)[1].tolist() == first
    if max(first) <= 255:
        assert nn.load_digits_csv(path, label_column=-1)[1].tolist() == last


@pytest.mark.parametrize("names", [",label,a,b,c,d\n", "id,label,a,b,c,d\n"])
def test_an_index_is_no_label(names, tmp_path):
    path = tmp_path / "digits.csv"
    path.write_text(names + "0,5,0,255,51,102\n1,0,255,0,0,0\n")
    for column in (0, -6, names.split(",")[0]):
        with pytest.raises(ValueError) as caught:
            nn.load_digits_csv(path, label_column=column)
        words = f"numbers its images in the column that label_column={column!r} names"
        assert str(caught.value).startswith(f"load_digits_csv: {path} {words}")
    assert nn.load_digits_csv(path, label_column=1)[1].tolist() == [5, 0]


SCALES = [  # pixels, their type in an array, and what is white; None if nobody can know
    ([0, 51, 255, 0], np.uint8, 255),
    ([0, 51, 255, 0], np.uint16, 255),
    ([0, 51, 255, 0], np.float64, 255),
    ([0, 64, 0, 0], np.int64, 255),
    ([0, 0.25, 1, 0], np.float32, 1),
    ([0, 0.25, 0.5, 0], np.float16, 1),
    ([0, 1, 1, 0], np.uint8, None),
    ([0, 0, 0, 0], np.uint8, None),
    ([0, 3, 16, 0], np.int64, None),
    ([0, 3, 16, 0], np.float64, None),
    ([0, 3, 63, 0], np.uint8, None),
    ([0, 51, 256, 0], np.uint16, None),
    ([0, 0, 4095, 0], np.int16, None),
    ([0, 0, 65535, 0], np.uint16, None),
    ([-1, 0, 255, 0], np.int16, None),
    ([0, 4.5, 255, 0], np.float32, None),
    ([-0.5, 0.5, 1, 0], np.float32, None),
    ([0, 0.5, 1.5, 0], np.float32, None),
    ([0, 0.5, 2.0, 0], np.float32, None),
    ([0, 0.01, 0.06, 0], np.float32, None),
]


@pytest.mark.parametrize(("pixels", "dtype", "white"), SCALES)
def test_what_is_white_in_a_csv_is_known_or_asked_for(pixels, dtype, white, tmp_path):
    path = tmp_path / "digits.csv"
    path.write_text(NAMES + "".join(f"{y},{','.join(map(str, pixels))}\n" for y in (0, 1)))
    if white:
        x, _ = nn.load_digits_csv(path)
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, [np.array(pixels) / white] * 2, rtol=1e-6)
        return
    with pytest.raises(ValueError) as caught:
        nn.load_digits_csv(path)
    said = f"load_digits_csv: {path} has pixels from {min(pixels):g} to {max(pixels):g} (float32)"
    assert str(caught.value).startswith(said)
    assert "np.rint(x / white * 255)" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        (True, TypeError, "label_column must be a name or a position, got bool"),
        (5, ValueError, "has no column 5 for label_column, but 5, called label, pixel0, "),
        (-6, ValueError, "has no column -6 for label_column, but 5"),
        ("digit", ValueError, "has no column 'digit' for label_column, but 5, called label"),
        (1.0, TypeError, "label_column must be a name or a position, got float"),
        ([0], TypeError, "label_column must be a name or a position, got list"),
    ],
)
def test_label_columns_that_are_none(column, error, message, tmp_path):
    (tmp_path / "digits.csv").write_text(NAMES + ROWS)
    with pytest.raises(error, match=r"^load_digits_csv: ") as caught:
        nn.load_digits_csv(tmp_path / "digits.csv", label_column=column)
    assert message in str(caught.value)


# --- split, one-hot, minibatches

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def test_split_without_overlap(rng):
    x_train, y_train, x_validation, y_validation = nn.train_validation_split(X, Y, 3, rng=rng)
    assert (len(x_train), len(x_validation)) == (7, 3)
    assert sorted([*y_train, *y_validation]) == Y.tolist()
    assert y_validation.tolist() != [0, 1, 2]  # shuffled
    np.testing.assert_array_equal(x_train, X[y_train])
    np.testing.assert_array_equal(x_validation, X[y_validation])
    x_train[:] = x_validation[:] = -1
    assert X.min() == 0  # the parts are copies


def test_split_repeats_with_its_seed():
    a, b, c = (nn.train_validation_split(X, Y, 3, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert a[3].tolist() == b[3].tolist() != c[3].tolist()


def test_one_hot():
    t = nn.one_hot([2, 0], 3)
    assert t.dtype == np.float32
    np.testing.assert_array_equal(t, [[0, 0, 1], [1, 0, 0]])
    assert nn.one_hot(np.uint8([1]), 2, dtype=np.float64).dtype == np.float64
    assert nn.one_hot(np.zeros(0, int), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("y", "classes", "error", "message"),
    [
        ([0, 3], 3, ValueError, "y must hold labels from 0 to 2, got 3 at index 1"),
        ([0, -1], 3, ValueError, "y must hold labels from 0 to 2, got -1 at index 1"),
        ([0.0], 3, TypeError, "y must hold integer labels, got dtype float64"),
        ([0], 0, ValueError, "classes must be at least 1, got 0"),
    ],
)
def test_one_hot_of_wrong_labels(y, classes, error, message):
    with pytest.raises(error) as caught:
        nn.one_hot(y, classes)
    assert str(caught.value) == f"one_hot: {message}"


@pytest.mark.parametrize(
    ("batch_size", "sizes"),
    [(1, [1] * 10), (4, [4, 4, 2]), (5, [5, 5]), (10, [10]), (99, [10])],
)
def test_minibatches_hold_every_example_once(batch_size, sizes, rng):
    batches = list(nn.minibatches(X, Y, batch_size, rng=rng))
    assert [len(y) for _, y in batches] == sizes
    assert sorted(np.concatenate([y for _, y in batches])) == Y.tolist()
    for x, y in batches:
        np.testing.assert_array_equal(x, X[y])


def test_minibatches_come_in_a_fresh_order_that_the_seed_repeats():
    def epochs(seed):
        rng = np.random.default_rng(seed)
        return [[y.tolist() for _, y in nn.minibatches(X, Y, 4, rng=rng)] for _ in range(3)]

    first, second, third = epochs(0)
    assert first != second != third != first
    assert epochs(0) == [first, second, third]
    assert epochs(1) != [first, second, third]


def test_minibatches_are_copies_of_any_type(rng):
    images = np.zeros((10, 28, 28), np.uint8)
    for x, _ in nn.minibatches(images, list(Y), 4, rng=rng):
        assert x.dtype == np.uint8
        x[:] = 1
    assert not images.any()


@pytest.mark.parametrize(
    ("x", "y", "size", "error", "message"),
    [
        (X, Y[1:], 4, ValueError, "len(x) is 10 but len(y) is 9"),
        (X[:0], Y[:0], 4, ValueError, "x is empty; at least one example is needed"),
        (X, 5, 4, ValueError, "x and y must have one row or label per example"),
        (X, Y, 0, ValueError, "_size must be at least 1, got 0"),
        (X, Y, 2.5, TypeError, "_size must be an integer, got float"),
        ([["a"]], [0], 4, TypeError, "x must be an array of numbers, got dtype <U1"),
    ],
)
@pytest.mark.parametrize("function", [nn.minibatches, nn.train_validation_split])
def test_checks_come_at_the_call(function, x, y, size, error, message, rng):
    with pytest.raises(error, match=rf"^{function.__name__}: .*{re.escape(message)}$"):
        function(x, y, size, rng=rng)  # no batch is asked for


@pytest.mark.parametrize("function", [nn.minibatches, nn.train_validation_split])
def test_a_seed_is_not_a_generator(function):
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator"):
        function(X, Y, 4, rng=0)


@pytest.mark.parametrize("size", [10, 11])
def test_split_leaves_something_to_train_on(size, rng):
    with pytest.raises(ValueError) as caught:
        nn.train_validation_split(X, Y, size, rng=rng)
    assert str(caught.value) == (
        f"train_validation_split: validation_size must be below the 10 examples, got {size}"
    )
