"""Image files: finding, reading, preprocessing as timm does, writing."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from macoaudit.errors import ImageError, StoreError, UsageError
from macoaudit.images import (
    decode_image,
    digest,
    find_images,
    image_id,
    load_bytes,
    preprocess,
    read_image,
    save_png,
    to_png_bytes,
)
from macoaudit.models import import_timm
from macoaudit.preprocessing import Preprocessing


def photograph(height: int, width: int) -> Image.Image:
    """Smooth colour, sharp edges and noise: what resampling filters disagree on."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        127 + 90 * np.sin(x / 9 + y / 17),
        255.0 * ((x // 12 + y // 7) % 2),
        255 * x / width + random.normal(0, 25, (height, width)),
    ]
    return Image.fromarray(np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8))


def encoded(image: Image.Image, image_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def pixel(content: bytes) -> tuple[int, ...]:
    return decode_image(content, "it").getpixel((0, 0))


class TestPreprocess:
    @pytest.mark.parametrize(
        ("size", "changes"),
        [
            ((300, 400), {}),
            ((401, 300), {"crop_pct": 0.9}),
            ((300, 401), {"crop_pct": 1.0, "interpolation": "bilinear"}),
            ((57, 91), {}),
            ((224, 224), {"crop_pct": 1.0}),
            ((300, 400), {"input_size": (128, 224), "crop_pct": 0.95}),
            ((57, 31), {"input_size": (224, 160)}),
            ((300, 401), {"crop_mode": "squash", "crop_pct": 0.9}),
            ((300, 401), {"crop_mode": "squash", "input_size": (96, 160)}),
            ((300, 401), {"crop_mode": "border"}),
            ((401, 120), {"crop_mode": "border", "crop_pct": 1.0}),
            ((40, 20), {"crop_mode": "border", "input_size": (96, 160)}),
            ((300, 400), {"interpolation": "lanczos"}),
            ((300, 400), {"interpolation": "nearest"}),
        ],
    )
    def test_equals_timms_evaluation_transform(self, size, changes):
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        settings = {"input_size": (224, 224), "crop_pct": 0.875, **changes}
        preprocessing = Preprocessing(channels=3, mean=mean, std=std, **settings)
        timm = import_timm()
        transform = timm.data.create_transform(
            (3, *preprocessing.input_size),
            is_training=False,
            interpolation=preprocessing.interpolation,
            mean=mean,
            std=std,
            crop_pct=preprocessing.crop_pct,
            crop_mode=preprocessing.crop_mode,
        )
        image = photograph(*size)
        ours = preprocessing.normalise(preprocess(image, preprocessing)[None])[0]
        assert ours.shape == (3, *preprocessing.input_size)
        torch.testing.assert_close(ours, transform(image), atol=1e-6, rtol=0)

    def test_of_one_channel_is_pillows_luma(self):
        preprocessing = Preprocessing((8, 8), 1, (0.5,), (0.5,))
        image = Image.new("RGB", (8, 8), (255, 0, 0))
        expected = torch.full((1, 8, 8), 76 / 255)  # 255 * 299 / 1000, truncated
        assert torch.equal(preprocess(image, preprocessing), expected)

    def test_border_of_one_channel_is_its_mean(self):
        preprocessing = Preprocessing((8, 8), 1, (0.4,), (0.5,), crop_mode="border")
        value = preprocess(Image.new("RGB", (8, 2), (255, 255, 255)), preprocessing)
        assert torch.allclose(value[0, 0], torch.tensor(102 / 255))
        assert torch.equal(value[0, 3:5], torch.ones(2, 8))

    def test_refuses_a_strip_that_would_become_huge(self):
        preprocessing = Preprocessing((224, 224), 3, (0.5,) * 3, (0.5,) * 3)
        with pytest.raises(ImageError, match="would be 6720000 x 224"):
            preprocess(Image.new("RGB", (30000, 1)), preprocessing)

    def test_refuses_other_numbers_of_channels(self):
        preprocessing = Preprocessing((8, 8), 4, (0.5,) * 4, (0.5,) * 4)
        with pytest.raises(ImageError, match="4 channels cannot be given photographs"):
            preprocess(photograph(8, 8), preprocessing)


class TestModes:
    def test_transparent_pixels_lie_on_mid_grey(self):
        assert pixel(encoded(Image.new("RGBA", (1, 1), (255, 0, 0, 0)))) == (128, 128, 128)
        assert pixel(encoded(Image.new("RGBA", (1, 1), (255, 0, 0, 255)))) == (255, 0, 0)
        assert pixel(encoded(Image.new("LA", (1, 1), (10, 0)))) == (128, 128, 128)

    def test_palettes_with_and_without_transparency(self):
        image = Image.new("P", (1, 1), 1)
        image.putpalette([0, 0, 0, 9, 8, 7])
        assert pixel(encoded(image)) == (9, 8, 7)
        assert pixel(encoded(image, transparency=1)) == (128, 128, 128)

    def test_sixteen_bits_are_scaled_not_clipped(self):
        for value, expected in ((0, 0), (257 * 100, 100), (65535, 255), (128, 0), (129, 1)):
            image = Image.fromarray(np.full((2, 2), value, np.uint16))
            assert pixel(encoded(image)) == (expected,) * 3
            assert pixel(encoded(image, "TIFF")) == (expected,) * 3

    def test_one_bit_grey_and_cmyk(self):
        assert pixel(encoded(Image.new("1", (1, 1), 1))) == (255, 255, 255)
        assert pixel(encoded(Image.new("L", (1, 1), 7))) == (7, 7, 7)
        cmyk = Image.new("CMYK", (1, 1), (255, 0, 0, 0))
        assert pixel(encoded(cmyk, "TIFF")) == (0, 255, 255)

    @pytest.mark.parametrize("mode", ["F", "I"])
    def test_values_of_unknown_range_are_refused(self, mode):
        with pytest.raises(ImageError, match="Convert it to 8"):
            decode_image(encoded(Image.new(mode, (2, 2), 70000), "TIFF"), "it")

    def test_the_exif_orientation_is_applied(self):
        image = Image.new("RGB", (2, 1))
        image.putpixel((0, 0), (255, 255, 255))
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: rotate a quarter clockwise to see it upright
        upright = decode_image(encoded(image, exif=exif), "it")
        assert upright.size == (1, 2)
        assert upright.getpixel((0, 0)) == (255, 255, 255)

    def test_only_the_first_frame_is_read(self):
        frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
        content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert pixel(content) == (255, 0, 0)


def png_of_size(width: int, height: int) -> bytes:
    """A valid PNG header that promises pixels that are not there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


class TestBadFiles:
    @pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
    def test_every_format_reads_whole_and_fails_truncated(self, image_format):
        content = encoded(photograph(64, 64), image_format)
        assert decode_image(content, "it").size == (64, 64)
        for share in (0.02, 0.5, 0.9):
            with pytest.raises(ImageError, match=r"^it: "):
                decode_image(content[: int(len(content) * share)], "it")

    def test_damaged_bytes_never_raise_anything_else(self):
        random = np.random.default_rng(0)
        for image_format in ("JPEG", "PNG", "WEBP", "GIF", "TIFF"):
            good = encoded(photograph(24, 24), image_format)
            for _ in range(60):
                content = bytearray(good)
                for place in random.integers(0, min(len(content), 400), 6):
                    content[place] = random.integers(256)
                # anything but an ImageError, a warning included, fails the test
                with contextlib.suppress(ImageError):
                    assert decode_image(bytes(content), "it").mode == "RGB"

    def test_a_huge_image_is_refused_before_it_is_decoded(self):
        with pytest.raises(ImageError, match="12000 x 12000 pixels are more than 100000000"):
            decode_image(png_of_size(12_000, 12_000), "it")
        with pytest.raises(ImageError, match="far too large"):
            decode_image(png_of_size(60_000, 60_000), "it")
        with pytest.raises(ImageError, match="64 x 64 pixels are more than 4095"):
            decode_image(encoded(photograph(64, 64)), "it", max_pixels=4095)

    @pytest.mark.parametrize("content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>"])
    def test_what_is_no_image(self, content):
        with pytest.raises(ImageError, match="no readable JPEG"):
            decode_image(content, "it")

    def test_files_that_are_not_there_or_not_regular(self, tmp_path):
        with pytest.raises(ImageError, match="No such file"):
            load_bytes(tmp_path / "none.png")
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(ImageError, match="not a regular file"):
            load_bytes(tmp_path / "pipe.png")
        (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
        with pytest.raises(ImageError, match="cannot be read"):
            read_image(tmp_path / "loop.png")


class TestFinding:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in (
            "b/2.PNG",
            "b/1.jpg",
            "a/x/3.webp",
            "4.png",
            "b/notes.txt",
            ".h/5.png",
            "b/.6.png",
        ):
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).write_bytes(b"")
        return tmp_path / "in"

    def test_a_folder_with_class_folders(self, folder):
        assert [(image.relative, image.label) for image in find_images([folder])] == [
            ("4.png", None),
            ("a/x/3.webp", "a"),
            ("b/1.jpg", "b"),
            ("b/2.PNG", "b"),
        ]

    def test_files_are_taken_as_named_and_once(self, folder):
        assert [image.relative for image in find_images([folder / "b/notes.txt"])] == ["notes.txt"]
        twice = [folder / "b/1.jpg", folder / "4.png", folder / "b" / ".." / "4.png"]
        assert [image.relative for image in find_images(twice[:2])] == ["4.png", "b/1.jpg"]
        assert len(find_images([folder, folder / "4.png"])) == 4

    def test_two_folders_keep_their_names_apart(self, folder):
        found = find_images([folder / "a", folder / "b"])
        assert [(image.relative, image.label) for image in found] == [
            ("a/x/3.webp", "x"),
            ("b/1.jpg", None),
            ("b/2.PNG", None),
        ]

    def test_unreadable_entries_are_found_so_that_they_are_reported(self, folder):
        (folder / "broken.png").symlink_to(folder / "nowhere.png")
        os.mkfifo(folder / "pipe.png")
        names = [image.relative for image in find_images([folder])]
        assert names[-2:] == ["broken.png", "pipe.png"]

    def test_a_link_to_a_folder_above_is_refused(self, folder):
        (folder / "a" / "up").symlink_to(folder)
        with pytest.raises(UsageError, match=r"a/up is linked to a folder that it lies in"):
            find_images([folder])

    def test_paths_without_images(self, folder, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(UsageError, match=r"no image in .*empty. Images end in \.jpg"):
            find_images([tmp_path / "empty"])
        with pytest.raises(UsageError, match="none cannot be found"):
            find_images([tmp_path / "none"])
        with pytest.raises(UsageError, match="no path came"):
            find_images([])
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UsageError, match="neither a file nor a folder"):
            find_images([tmp_path / "pipe"])

    def test_a_name_that_is_no_text_becomes_text(self, tmp_path):
        (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"")
        (image,) = find_images([tmp_path])
        assert image.relative == "\ufffd.png"
        image.relative.encode()


class TestNames:
    def test_slug_content_and_path(self):
        name = image_id("Häns & Co/Bild 1.JPEG", "0123456789abcdef" * 4)
        path_digest = digest("Häns & Co/Bild 1.JPEG".encode())[:8]
        assert name == f"hans-co-bild-1-0123456789-{path_digest}"

    def test_names_are_safe_short_and_unique(self):
        paths = [
            "a b.png",
            "a-b.png",
            "a/b.png",
            "a.b.png",
            "../b.png",
            "CON",
            "图.png",
            "x" * 300,
            "",
        ]
        names = [image_id(path, sha) for path in paths for sha in ("0" * 64, "1" * 64, None)]
        assert len(set(names)) == len(names)
        for name in names:
            assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
            assert 0 < len(name.encode()) <= 80


class TestWriting:
    def test_a_png_holds_the_values(self, tmp_path, generator):
        values = torch.randint(0, 256, (3, 5, 7), generator=generator)
        sha256 = save_png(tmp_path / "new" / "a.png", values / 255)
        content = (tmp_path / "new" / "a.png").read_bytes()
        assert sha256 == digest(content)
        back = np.asarray(Image.open(io.BytesIO(content)))
        assert np.array_equal(back, values.permute(1, 2, 0).numpy())

    def test_grey_and_alpha(self):
        image = torch.full((1, 2, 3), 0.2)
        alpha = torch.tensor([[0.0, 0.5, 1.0]]).expand(2, 3)
        assert Image.open(io.BytesIO(to_png_bytes(image))).mode == "L"
        picture = Image.open(io.BytesIO(to_png_bytes(image.expand(3, 2, 3), alpha_01=alpha)))
        assert picture.mode == "RGBA"
        assert [picture.getpixel((x, 0)) for x in range(3)] == [
            (51, 51, 51, 0),
            (51, 51, 51, 128),
            (51, 51, 51, 255),
        ]

    @pytest.mark.parametrize("value", [1.01, -0.01, float("nan"), float("inf")])
    def test_values_out_of_range_are_refused(self, value, tmp_path):
        image = torch.full((3, 2, 2), 0.5)
        image[1, 1, 1] = value
        with pytest.raises(ImageError, match=r"finite values in 0\.\.1"):
            save_png(tmp_path / "a.png", image)
        assert list(tmp_path.iterdir()) == []

    def test_two_channels_are_no_picture(self):
        with pytest.raises(ImageError, match="2 channels came"):
            to_png_bytes(torch.zeros(2, 2, 2))

    def test_a_path_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StoreError, match="cannot be written"):
            save_png(tmp_path / "file" / "a.png", torch.zeros(3, 2, 2))


def test_reading_images_needs_no_timm():
    code = "import sys, macoaudit.images; print('timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.assets
def test_real_photographs_equal_timms_transform(assets):
    timm = import_timm()
    settings = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 0.9, "interpolation": "bicubic"}
    transform = timm.data.create_transform((3, 224, 224), is_training=False, **settings)
    preprocessing = Preprocessing(input_size=(224, 224), channels=3, **settings)
    for image_file in find_images([assets / "photos"])[::25]:
        image = read_image(image_file.path)
        ours = preprocessing.normalise(preprocess(image, preprocessing)[None])[0]
        torch.testing.assert_close(ours, transform(image), atol=1e-6, rtol=0)
