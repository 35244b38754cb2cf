"""Inversion end to end on small networks; oracle 12 on a real one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from macoaudit.config import MacoConfig, Ramp, ViewConfig, constant, preset
from macoaudit.errors import UsageError
from macoaudit.images import preprocess, read_image
from macoaudit.inversion import invert, stream_seed, whole_view
from macoaudit.models import activation_function, load_model
from macoaudit.spectrum import load_spectrum

SAMPLES = Path(__file__).parent.parent / "samples"
SHORT = MacoConfig(n_steps=6)


@pytest.fixture(scope="module")
def model():
    return load_model("test_vit", weights="random")


@pytest.fixture(scope="module")
def images(model):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 3, *model.preprocessing.input_size, generator=generator)


def make(model, images, config=SHORT, **kwargs):
    keys = [str(i) for i in range(len(images))]
    return invert(model, images, keys=keys, spectrum=load_spectrum(), config=config, **kwargs)


def test_the_model_is_left_as_found(model, images):
    parameters = list(model.module.parameters())
    parameters[0].requires_grad_(True)
    parameters[1].requires_grad_(False)
    state = {name: value.clone() for name, value in model.module.state_dict().items()}
    hooks = [len(module._forward_hooks) for module in model.module.modules()]
    make(model, images[:1])
    assert parameters[0].requires_grad
    assert not parameters[1].requires_grad
    assert all(parameter.grad is None for parameter in parameters)
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, state[name])
    assert hooks == [len(module._forward_hooks) for module in model.module.modules()]


def test_similarity_is_that_of_the_written_image(model, images):
    result = make(model, images[:2], seeds=(0, 1))
    assert result.image_01.shape[0] == 4
    assert torch.equal((result.image_01 * 255).round() / 255, result.image_01)
    with torch.no_grad():
        read = activation_function(model, "penultimate")
        reference = read(images[:2]).repeat_interleave(2, 0)
        expected = torch.cosine_similarity(read(result.image_01), reference)
    torch.testing.assert_close(result.similarity, expected, rtol=1e-4, atol=1e-5)


def test_a_members_result_does_not_depend_on_the_rest_of_the_batch(model, images):
    together = make(model, images, seeds=(0, 1))
    alone = make(model, images[:1], seeds=(0,))
    torch.testing.assert_close(together.similarity[0], alone.similarity[0], rtol=0, atol=2e-3)
    assert float((together.image_01[0] - alone.image_01[0]).abs().mean()) < 2e-3
    assert float((together.image_01[0] - together.image_01[1]).abs().mean()) > 0.05


def test_same_input_same_bits_whatever_the_global_state(model, images):
    torch.manual_seed(1)
    first = make(model, images[:2])
    torch.manual_seed(2)
    second = make(model, images[:2])
    assert torch.equal(first.image_01, second.image_01)
    assert torch.equal(first.transparency, second.transparency)


def test_streams_differ_by_key_seed_and_purpose():
    seeds = {stream_seed(k, s, p) for k in "ab" for s in (0, 1) for p in ("phase", "crops")}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_other_layers_and_canvases(model, images):
    config = replace(SHORT, canvas_px=96)
    result = make(model, images[:1], config, layer="blocks.1:mean")
    assert result.image_01.shape[-2:] == (96, 96)
    assert torch.isfinite(result.similarity).all()


@pytest.mark.parametrize("name", ["paper", "horama", "xplique"])
def test_compat_presets_run(model, images, name):
    config = replace(preset(name), n_steps=2, canvas_px=64)
    result = make(model, images[:1], config)
    assert result.failures == (None,)
    assert torch.isfinite(result.similarity).all()


def test_peer_value_range_reaches_the_network(images):
    """The canvas' 0 and 1 come to the network as -2.5 and 2.5, whatever its normalisation."""
    from macoaudit.inversion import _activation

    model = load_model("test_vit", weights="random")
    seen = []
    model.module.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    hook = model.module.patch_embed.register_forward_pre_hook(
        lambda module, args: seen.append(args[0].clone())
    )
    read = _activation(model, "penultimate", preset("horama"))
    ramp = torch.linspace(0, 1, images.shape[-1]).expand_as(images[:1])
    with torch.no_grad():
        read(ramp)
    hook.remove()
    torch.testing.assert_close(seen[-1], -2.5 + 5 * ramp, rtol=1e-5, atol=1e-5)


def test_whole_view_of_a_larger_canvas_equals_torch_interpolate():
    canvas = torch.rand(1, 3, 50, 40)
    expected = torch.nn.functional.interpolate(
        canvas, (20, 16), mode="bilinear", antialias=True, align_corners=False
    )
    torch.testing.assert_close(whole_view(canvas, (20, 16)), expected, rtol=1e-4, atol=1e-5)
    assert whole_view(canvas, (50, 40)) is canvas


def test_refusals(model, images):
    with pytest.raises(UsageError, match="keys: 1 came for 3 images"):
        invert(model, images, keys=["a"], spectrum=load_spectrum(), config=SHORT)
    with pytest.raises(UsageError, match="precision is 'fp16'; use 'fp32' or 'bf16'"):
        make(model, images, precision="fp16")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_precisions_agree(model, images, precision):
    config = MacoConfig(n_steps=20)
    result = make(model, images[:1], config, precision=precision)
    assert float(result.similarity[0]) > float(result.start_similarity[0])


@pytest.mark.assets
def test_whole_view_inversion_of_a_real_network_reaches_nine_tenths(assets):
    """Oracle 12: ViT-Tiny, whole view, 64 steps: cosine above 0.9."""
    model = load_model(str(assets / "models" / "vit_tiny.toml"))
    photo = sorted((assets / "photos").glob("*.JPEG"))[60]
    image = preprocess(read_image(photo), model.preprocessing)[None]
    whole = ViewConfig(
        side_low=constant(1.0), side_high=constant(1.0), noise_uniform=constant(0.02)
    )
    config = MacoConfig(n_steps=64, views=whole, learning_rate=Ramp(0.5, 0.0))
    result = make(model, image, config)
    assert float(result.similarity[0]) > 0.9
    assert float(result.start_similarity[0]) < 0.5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_cuda_gives_the_same_picture_to_rounding(model, images):
    on_cpu = make(model, images[:2])
    on_gpu = make(load_model("test_vit", weights="random", device="cuda"), images[:2])
    torch.testing.assert_close(on_gpu.start_similarity, on_cpu.start_similarity, rtol=0, atol=1e-3)
    half = make(
        load_model("test_vit", weights="random", device="cuda"), images[:2], precision="bf16"
    )
    assert half.failures == (None, None)


def test_fourier_inverts_too_and_starts_grey():
    model = load_model("demo")
    photo = preprocess(read_image(SAMPLES / "tree" / "tree-1.jpg"), model.preprocessing)[None]
    result = make(model, photo, MacoConfig(n_steps=24), parametrization="fourier", seeds=(0, 1))
    assert float((result.similarity - result.start_similarity).min()) > 0.05
    assert float(result.similarity.min()) > 0.9
    assert not torch.equal(result.image_01[0], result.image_01[1])


def test_targets_are_reached_in_place_of_the_references():
    """Given another image's activation, the result is that image's inversion; similarity is not."""
    model = load_model("demo")
    files = (SAMPLES / "tree" / "tree-1.jpg", SAMPLES / "flower" / "flower-1.jpg")
    images = torch.stack([preprocess(read_image(file), model.preprocessing) for file in files])
    read = activation_function(model, "penultimate")
    with torch.no_grad():
        own = read(images)
    config = MacoConfig(n_steps=12)
    swapped = make(model, images, config, targets=own.flip(0), seeds=(0, 1))
    plain = make(model, images, config, seeds=(0, 1))
    same = make(model, images, config, targets=own, seeds=(0, 1))
    assert torch.equal(same.image_01, plain.image_01)
    assert torch.equal(swapped.start_similarity, plain.start_similarity)
    with torch.no_grad():
        made = read(swapped.image_01)
    to_target = torch.cosine_similarity(made, own.flip(0).repeat_interleave(2, 0))
    to_reference = torch.cosine_similarity(made, own.repeat_interleave(2, 0))
    torch.testing.assert_close(swapped.similarity, to_reference, rtol=1e-4, atol=1e-5)
    assert float((to_target - to_reference).min()) > 0.1


def test_a_target_that_is_zero_is_a_failure_of_its_own_member(model, images):
    with torch.no_grad():
        own = activation_function(model, "penultimate")(images[:2])
    own[0] = 0
    result = make(model, images[:2], targets=own)
    assert "zero everywhere" in str(result.failures[0])
    assert result.failures[1] is None


def test_refused_targets_and_parametrizations(model, images):
    with pytest.raises(UsageError, match=r"targets: \(1, 64\).*the layer gives \(3, 64\)"):
        make(model, images, targets=torch.ones(1, 64))
    with pytest.raises(UsageError, match="parametrization is 'pixel'; use 'maco' or 'fourier'"):
        make(model, images, parametrization="pixel")
