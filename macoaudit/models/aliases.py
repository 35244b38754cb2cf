"""Friendly names for timm's models, and near matches for a name that does not exist."""

import difflib

from macoaudit.errors import UnknownModelError
from macoaudit.models.timm_import import import_timm

ALIASES: dict[str, str] = {
    "vit_tiny": "vit_tiny_patch16_224",
    "vit_small": "vit_small_patch16_224",
    "vit_base": "vit_base_patch16_224",
    "vit_large": "vit_large_patch16_224",
    "deit_small": "deit_small_patch16_224",
    "deit_base": "deit_base_patch16_224",
    "swin_tiny": "swin_tiny_patch4_window7_224",
    "swin_base": "swin_base_patch4_window7_224",
    "dinov2_small": "vit_small_patch14_dinov2",
    "dinov2_base": "vit_base_patch14_dinov2",
    "dinov2_large": "vit_large_patch14_dinov2",
    "dinov3_base": "vit_base_patch16_dinov3",
    "clip_base": "vit_base_patch16_clip_224",
    "siglip_base": "vit_base_patch16_siglip_224",
    "mobilenetv1": "mobilenetv1_100",
    "mobilenetv2": "mobilenetv2_100",
    "mobilenetv3": "mobilenetv3_large_100",
}
"""Short name -> timm name. Names that timm has as they are (``resnet50``, ``convnext_tiny``,
``efficientnet_b0``, ...) need no alias."""

PACKAGED: tuple[str, ...] = ("demo", "demo-clean", "demo-judge")
"""Models that come with macoaudit and never need the network."""


IMAGENET_JUDGES: tuple[str, ...] = (
    "mobilenetv1_100.ra4_e3600_r224_in1k",
    "vgg16.tv_in1k",
    "xception41.tf_in1k",
    "efficientnet_b0.ra_in1k",
    "convnext_tiny.fb_in1k",
    "densenet121.tv_in1k",
)
"""Judges for networks with the classes of ImageNet-1k: the six families of Fel et al. 2023 (section
4), trained on ImageNet-1k alone. Tags are named, so that another version of timm takes the same
weights; ``legacy_xception`` is nearer to theirs, but its only weights are a pickle."""


def split_tag(name: str) -> tuple[str, str]:
    """Split ``architecture.tag``; the tag is empty when none is given."""
    architecture, _, tag = name.partition(".")
    return architecture, tag


def resolve_timm_name(spec: str) -> str:
    """Turn an alias or a timm name, with or without a pretrained tag, into a full timm name.

    Args:
        spec: what the user typed, for example ``vit_base`` or ``resnet50.a1_in1k``.

    Returns:
        The timm name, with the tag that was given (none is added).

    Raises:
        UnknownModelError: when there is no such architecture or tag; names the nearest ones.
    """
    timm = import_timm()
    architecture, tag = split_tag(spec)
    architecture = ALIASES.get(architecture, architecture)
    if not timm.is_model(architecture):
        known = [*PACKAGED, *ALIASES, *timm.list_models()]
        near = difflib.get_close_matches(architecture, known, n=4, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}? " if near else ""
        raise UnknownModelError(
            f"--model {spec}: there is no such model. {hint}Give demo, an alias "
            "(`macoaudit models` lists them), a timm name, hf-hub:OWNER/NAME, or the path of a "
            "model card that ends in .toml"
        )
    tags = [split_tag(name)[1] for name in timm.list_pretrained(architecture + ".*")]
    if tag and tag not in tags:
        near = difflib.get_close_matches(tag, tags, n=4, cutoff=0.3) or tags[:4]
        raise UnknownModelError(
            f"--model {spec}: {architecture} has no pretrained tag {tag!r}; it has "
            f"{', '.join(near) or 'none'}. Leave the tag out for the default weights"
        )
    return f"{architecture}.{tag}" if tag else architecture
