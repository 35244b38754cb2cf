"""Files <-> tensors: the only package that knows 0..255."""

from macoaudit.images.finding import EXTENSIONS, ImageFile, find_images, folder_of_images, image_id
from macoaudit.images.natural import NaturalImage, read_natural
from macoaudit.images.reading import (
    FORMATS,
    GREY,
    MAX_PIXELS,
    decode_image,
    digest,
    load_bytes,
    read_image,
)
from macoaudit.images.transform import preprocess, square_crop
from macoaudit.images.writing import save_png, to_png_bytes

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "GREY",
    "MAX_PIXELS",
    "ImageFile",
    "NaturalImage",
    "decode_image",
    "digest",
    "find_images",
    "folder_of_images",
    "image_id",
    "load_bytes",
    "preprocess",
    "read_image",
    "read_natural",
    "save_png",
    "square_crop",
    "to_png_bytes",
]
