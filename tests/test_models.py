"""Loading networks: names, cards, weights, digests, and every way in which they can be wrong."""

import hashlib
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from macoaudit.errors import ModelError, UnknownModelError, UsageError, WeightsError
from macoaudit.models import (
    ALIASES,
    Preprocessing,
    file_sha256,
    frozen,
    import_timm,
    load_model,
    loading,
    resolve_timm_name,
    state_dict_sha256,
)
from macoaudit.models.labels import imagenet_names

CARD = """
architecture = "test_vit"
weights = "net.safetensors"
num_classes = 3
labels = ["ant", "bee", "cow"]

[kwargs]
img_size = 48

[preprocessing]
input_size = [3, 48, 48]
mean = [0.1, 0.2, 0.3]
std = [0.4, 0.5, 0.6]
crop_pct = 0.9
interpolation = "bilinear"
"""


def small_vit(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return import_timm().create_model("test_vit", img_size=48, num_classes=3)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    save_file(small_vit().state_dict(), tmp_path / "net.safetensors")
    path = tmp_path / "card.toml"
    path.write_text(CARD)
    return path


def edited(card: Path, old: str, new: str) -> Path:
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new))
    return card


def python(code: str, **environment: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class TestImport:
    def test_the_models_package_does_not_import_timm(self):
        code = "import sys, macoaudit.models; print('timm' in sys.modules)"
        assert python(code) == "False"

    def test_missing_operators_are_declared_only_after_that_very_failure(self, tmp_path):
        # A torchvision that fails as one built for another torch does, and a timm that uses it.
        (tmp_path / "torchvision.py").write_text(
            "import torch\ntorch.library.register_fake('torchvision::nms')(lambda *a: None)\n"
        )
        (tmp_path / "timm.py").write_text("import torchvision\nworks = True\n")
        code = """
            import torch
            from macoaudit.models.timm_import import _declared, import_timm
            before = hasattr(torch.ops.torchvision, "nms")
            timm = import_timm()
            print(before, timm.works, len(_declared), hasattr(torch.ops.torchvision, "qnms"))
        """
        assert python(code, PYTHONPATH=str(tmp_path)) == "False True 1 True"

    def test_nothing_is_declared_where_the_import_works(self, tmp_path):
        (tmp_path / "timm.py").write_text("works = True\n")
        code = """
            import torch
            from macoaudit.models.timm_import import _declared, import_timm
            print(import_timm().works, len(_declared), hasattr(torch.ops.torchvision, "nms"))
        """
        assert python(code, PYTHONPATH=str(tmp_path)) == "True 0 False"

    def test_another_failure_of_the_import_passes_through(self, tmp_path):
        (tmp_path / "timm.py").write_text("raise RuntimeError('out of cheese')\n")
        code = """
            from macoaudit.models.timm_import import _declared, import_timm
            try:
                import_timm()
            except RuntimeError as error:
                print(error, len(_declared))
        """
        assert python(code, PYTHONPATH=str(tmp_path)) == "out of cheese 0"


class TestPreprocessing:
    def test_normalise_by_hand(self):
        preprocessing = Preprocessing((1, 2), 3, (0.5, 0.25, 0.0), (0.5, 0.25, 2.0))
        image_01 = torch.tensor([1.0, 0.0]).expand(1, 3, 1, 2)
        expected = torch.tensor([[1.0, -1.0], [3.0, -1.0], [0.5, 0.0]])
        assert torch.equal(preprocessing.normalise(image_01)[0, :, 0], expected)

    def test_normalised_values_stay_in_the_stated_range(self, generator):
        preprocessing = Preprocessing((4, 4), 1, (0.4,), (0.2,))
        value = preprocessing.normalise(torch.rand(8, 1, 4, 4, generator=generator))
        assert value.min() >= -0.4 / 0.2
        assert value.max() <= 0.6 / 0.2

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"mean": (0.5,)}, "mean .* one finite number for each"),
            ({"std": (0.5, 0.0, 0.5)}, "above 0"),
            ({"crop_pct": 1.5}, "crop_pct = 1.5"),
            ({"input_size": (0, 4)}, "positive"),
        ],
    )
    def test_refuses_values_out_of_range(self, change, message):
        good = {"input_size": (4, 4), "channels": 3, "mean": (0.5,) * 3, "std": (0.5,) * 3}
        with pytest.raises(UsageError, match=message):
            Preprocessing(**{**good, **change})

    def test_another_number_of_channels_is_refused(self):
        with pytest.raises(UsageError, match="3 channels came, the network takes 1"):
            Preprocessing((4, 4), 1, (0.4,), (0.2,)).normalise(torch.zeros(1, 3, 4, 4))


class TestNames:
    def test_every_alias_has_pretrained_weights_in_timm(self):
        timm = import_timm()
        for name in ALIASES.values():
            assert timm.list_pretrained(name + ".*"), name

    def test_an_alias_keeps_its_tag(self):
        assert resolve_timm_name("vit_base") == "vit_base_patch16_224"
        tagged = "vit_base.augreg2_in21k_ft_in1k"
        assert resolve_timm_name(tagged) == "vit_base_patch16_224.augreg2_in21k_ft_in1k"

    def test_an_unknown_name_gets_near_matches(self):
        with pytest.raises(UnknownModelError, match=r"Did you mean .*resnet50"):
            load_model("resnet5O", weights="random")

    def test_an_unknown_tag_gets_near_matches(self):
        with pytest.raises(UnknownModelError, match=r"no pretrained tag 'a1_in2k'.*a1_in1k"):
            load_model("resnet50.a1_in2k", weights="random")

    def test_a_missing_packaged_model_means_a_damaged_installation(self, monkeypatch, tmp_path):
        monkeypatch.setattr(loading, "_DATA", tmp_path)
        with pytest.raises(ModelError, match=r"demo.toml is missing.*damaged"):
            load_model("demo")

    def test_a_packaged_model_is_a_card_and_says_so(self, monkeypatch, card):
        card.rename(card.with_name("demo.toml"))
        monkeypatch.setattr(loading, "_DATA", card.parent)
        model = load_model("demo")
        assert (model.name, model.weights_origin) == ("demo", "packaged")

    def test_an_impossible_device_is_refused(self):
        with pytest.raises(UsageError, match="--device warp"):
            load_model("test_resnet", weights="random", device="warp")


class TestRandomWeights:
    def test_the_seed_decides_and_the_global_state_is_left_alone(self):
        before = torch.random.get_rng_state()
        digests = [
            load_model("test_resnet", weights="random", seed=seed).weights_sha256
            for seed in (1, 1, 2)
        ]
        assert torch.equal(torch.random.get_rng_state(), before)
        assert digests[0] == digests[1] != digests[2]

    def test_random_weights_are_recorded_and_name_no_class(self, tiny_vit):
        assert tiny_vit.weights_origin == "random"
        assert tiny_vit.labels[17] == "class 17"
        assert not tiny_vit.module.training

    def test_preprocessing_is_timms(self, tiny_vit):
        config = import_timm().data.resolve_model_data_config(tiny_vit.module)
        preprocessing = tiny_vit.preprocessing
        assert (preprocessing.channels, *preprocessing.input_size) == config["input_size"]
        for name in ("mean", "std", "crop_pct", "crop_mode", "interpolation"):
            assert getattr(preprocessing, name) == config[name]

    def test_the_record_names_the_network(self, tiny_vit):
        record = tiny_vit.record("penultimate", (64,))
        assert record.architecture == "test_vit"
        assert record.input_size == (3, 160, 160)
        assert record.weights_sha256 == state_dict_sha256(tiny_vit.module)
        assert (record.layer, record.activation_shape) == ("penultimate", (64,))


class TestDigest:
    def test_of_one_tensor_by_hand(self):
        module = nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            module.weight.copy_(torch.tensor([[1.0, -2.0]]))
        # little-endian float32: 1.0 is 0000803f, -2.0 is 000000c0
        raw = b"weight\0torch.float32\0(1, 2)\0" + bytes.fromhex("0000803f000000c0")
        assert state_dict_sha256(module) == hashlib.sha256(raw).hexdigest()

    def test_moves_with_one_bit_of_a_buffer(self):
        module = nn.BatchNorm1d(2)
        before = state_dict_sha256(module)
        module.running_mean[0] = 1e-30
        assert state_dict_sha256(module) != before


class TestCards:
    def test_everything_on_the_card_arrives(self, card):
        model = load_model(card)
        assert model.labels == ("ant", "bee", "cow")
        assert (model.name, model.architecture, model.num_classes) == ("card", "test_vit", 3)
        assert model.weights_origin == "file"
        expected = Preprocessing(
            (48, 48), 3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 0.9, "center", "bilinear"
        )
        assert model.preprocessing == expected
        assert model.weights_sha256 == state_dict_sha256(small_vit())

    def test_half_precision_weights_load_as_float32(self, card):
        half = {name: value.half() for name, value in small_vit().state_dict().items()}
        save_file(half, card.parent / "net.safetensors")
        model = load_model(str(card))
        weight = model.module.state_dict()["head.weight"]
        assert weight.dtype == torch.float32
        assert torch.equal(weight, half["head.weight"].float())

    def test_the_digest_is_checked(self, card):
        right = file_sha256(card.parent / "net.safetensors")
        line = 'weights = "net.safetensors"'
        good = edited(card, line, f'{line}\nsha256 = "{right.upper()}"')
        assert load_model(good).num_classes == 3
        with pytest.raises(WeightsError, match=f"has sha256 {right}, the card says {'0' * 64}"):
            load_model(edited(good, right.upper(), "0" * 64))

    def test_labels_from_a_file_beside_the_card(self, card):
        (card.parent / "names.txt").write_text("Ä\nb c\nd\n\n", encoding="utf-8")
        card = edited(card, '["ant", "bee", "cow"]', '"names.txt"')
        assert load_model(card).labels == ("Ä", "b c", "d")

    def test_no_labels_are_numbered(self, card):
        card = edited(card, 'labels = ["ant", "bee", "cow"]', "")
        assert load_model(card).labels == ("class 0", "class 1", "class 2")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('["ant", "bee", "cow"]', '["ant", "bee"]', "2 labels came for 3 classes"),
            ('["ant", "bee", "cow"]', '["ant", "", "cow"]', "class 1 is empty"),
            ('["ant", "bee", "cow"]', '"imagenet-1k"', "1000 labels came for 3 classes"),
            ('["ant", "bee", "cow"]', '"none.txt"', "none.txt cannot be read"),
            ('["ant", "bee", "cow"]', "[1, 2, 3]", "labels must be"),
            ("num_classes = 3", "n_classes = 3", "'n_classes'. Did you mean num_classes"),
            ("crop_pct", "croppct", r"'croppct' in \[preprocessing\]. Did you mean crop_pct"),
            ("num_classes = 3", 'num_classes = "3"', "num_classes must be a int; '3' came"),
            ("num_classes = 3", "num_classes = -3", "-3 is negative"),
            ("[3, 48, 48]", "[48, 48]", r"input_size must be \[channel, height, width\]"),
            ("[3, 48, 48]", "[3, 50, 50]", "does not take the images"),
            ('"bilinear"', '"linear"', "'linear' is not one of nearest, bilinear"),
            ("img_size = 48", "imgsize = 48", r"timm cannot make test_vit.*Mend \[kwargs\]"),
            ('architecture = "test_vit"', "", "either architecture"),
            ('architecture = "test_vit"', 'architecture = "test_vt"', "Did you mean test_vit"),
            ('weights = "net.safetensors"', "", "add weights"),
            ('weights = "net.safetensors"', 'weights = "no.safetensors"', "cannot be read"),
            ("num_classes = 3", "num_classes = ", "cannot be read as TOML"),
        ],
    )
    def test_a_wrong_card_is_refused_with_the_reason(self, card, old, new, message):
        with pytest.raises(ModelError, match=message):
            load_model(edited(card, old, new))

    def test_no_such_card(self, tmp_path):
        with pytest.raises(UnknownModelError, match="there is no such model card"):
            load_model(tmp_path / "none.toml")

    def test_weights_that_do_not_fit_name_the_first_few(self, card):
        with pytest.raises(WeightsError, match=r"2 of another shape \(head.weight \(3, 64\) for"):
            load_model(edited(card, 'num_classes = 3\nlabels = ["ant", "bee", "cow"]', ""))
        tensors = small_vit().state_dict()
        del tensors["head.bias"]
        save_file({**tensors, "extra": torch.zeros(1)}, card.parent / "net.safetensors")
        with pytest.raises(WeightsError, match=r"1 missing \(head.bias\); 1 unexpected \(extra\)"):
            load_model(edited(card, "[kwargs]", "num_classes = 3\n[kwargs]"))


class TestWeightsFiles:
    def test_a_file_replaces_a_models_own_weights(self, tmp_path):
        other = load_model("test_resnet", weights="random", seed=5)
        save_file(other.module.state_dict(), tmp_path / "w.safetensors")
        model = load_model("test_resnet", weights=tmp_path / "w.safetensors")
        assert model.weights_sha256 == other.weights_sha256
        assert model.weights_origin == "file"
        assert model.labels[0] == "tench"

    def test_a_pickle_needs_permission_and_then_loads(self, card):
        torch.save({"state_dict": small_vit(seed=3).state_dict()}, card.parent / "net.pth")
        with pytest.raises(WeightsError, match=r"is a pickle.*--allow-pickle"):
            load_model(card, weights=card.parent / "net.pth")
        model = load_model(card, weights=card.parent / "net.pth", allow_pickle=True)
        assert model.weights_sha256 == state_dict_sha256(small_vit(seed=3))

    def test_a_pickle_that_runs_code_is_never_read(self, card):
        torch.save(small_vit(), card.parent / "net.pth")  # a whole module, not its weights
        with pytest.raises(WeightsError, match="never reads a pickle without"):
            load_model(card, weights=card.parent / "net.pth", allow_pickle=True)

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("w.safetensors", b"\x08\0\0\0", "not a complete safetensors file"),
            ("w.npz", b"", "ends in .npz"),
            ("w.pth", b"not a pickle", "cannot be read with weights_only=True"),
        ],
    )
    def test_a_broken_file_is_refused(self, card, name, content, message):
        (card.parent / name).write_bytes(content)
        with pytest.raises(WeightsError, match=message):
            load_model(card, weights=card.parent / name, allow_pickle=True)

    def test_no_such_file(self, card):
        with pytest.raises(WeightsError, match="there is no file"):
            load_model(card, weights=card.parent / "none.safetensors")

    def test_weights_that_are_not_finite_are_refused(self, card):
        tensors = small_vit().state_dict()
        tensors["head.bias"][1] = float("nan")
        save_file(tensors, card.parent / "net.safetensors")
        with pytest.raises(WeightsError, match=r"head.bias holds values that are not finite"):
            load_model(card)


FACTORY_CARD = """
factory = "planted:build"
num_classes = 2
labels = ["left", "right"]
[kwargs]
width = 5
[preprocessing]
input_size = [1, 4, 6]
mean = [0.0]
std = [1.0]
crop_pct = 1.0
interpolation = "bilinear"
"""
FACTORY = """
from torch import nn
def build(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(24, width), nn.ReLU(), nn.Linear(width, 2))
def wrong(width):
    return width
"""


class TestFactories:
    @pytest.fixture
    def factory_card(self, tmp_path, monkeypatch):
        (tmp_path / "planted.py").write_text(FACTORY)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "planted", raising=False)
        path = tmp_path / "own.toml"
        path.write_text(FACTORY_CARD)
        return path

    def test_any_module_can_be_audited(self, factory_card):
        model = load_model(factory_card)
        assert model.weights_origin == "factory"
        assert model.architecture == "planted:build"
        assert model.labels == ("left", "right")
        assert load_model(factory_card).weights_sha256 == model.weights_sha256

    def test_with_weights(self, factory_card):
        other = load_model(factory_card, seed=4)
        save_file(other.module.state_dict(), factory_card.parent / "w.safetensors")
        text = factory_card.read_text().replace("\nnum", '\nweights = "w.safetensors"\nnum')
        factory_card.write_text(text)
        model = load_model(factory_card)
        assert (model.weights_origin, model.weights_sha256) == ("file", other.weights_sha256)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("planted:build", "planted.build", "must be .package.module:function"),
            ("planted:build", "nowhere:build", "cannot be imported.*PYTHONPATH"),
            ("planted:build", "planted:bild", "cannot be imported"),
            ("planted:build", "planted:wrong", "returned a int"),
            ("crop_pct = 1.0\n", "", r"add crop_pct to \[preprocessing\]"),
            ("num_classes = 2", "", "add num_classes"),
            ("num_classes = 2", "num_classes = 3", r"returns \(1, 2\) for one image"),
        ],
    )
    def test_a_wrong_factory_card_is_refused(self, factory_card, old, new, message):
        with pytest.raises(ModelError, match=message):
            load_model(edited(factory_card, old, new))


def hub_cache(root: Path, repository: str, files: dict[str, bytes]) -> Path:
    """Lay out one repository as the hub's client caches it."""
    folder = root / ("models--" + repository.replace("/", "--"))
    revision = "0" * 40
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(revision)
    snapshot = folder / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (folder / "blobs").mkdir()
    for name, content in files.items():
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / name).symlink_to(blob)
    return root


def safetensors_bytes(module: nn.Module, folder: Path) -> bytes:
    path = folder / "tmp.safetensors"
    save_file({name: v.half() for name, v in module.state_dict().items()}, path)
    return path.read_bytes()


class TestHub:
    @pytest.fixture
    def cache(self, tmp_path, monkeypatch):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        return tmp_path

    def test_a_cached_model_loads_offline_by_its_plain_name(self, cache, tiny_resnet):
        content = safetensors_bytes(tiny_resnet.module, cache)
        hub_cache(cache, "timm/test_resnet.r160_in1k", {"model.safetensors": content})
        model = load_model("test_resnet", offline=True)
        assert model.weights_origin == "pretrained"
        assert (model.name, model.architecture) == ("test_resnet", "test_resnet.r160_in1k")
        half = tiny_resnet.module.state_dict()["fc.weight"].half().float()
        assert torch.equal(model.module.state_dict()["fc.weight"], half)
        assert model.labels[:2] == ("tench", "goldfish")

    def test_a_cached_hub_repository_brings_its_own_labels(self, cache, tiny_resnet):
        module = import_timm().create_model("test_resnet", num_classes=2)
        config = {
            "architecture": "test_resnet",
            "num_classes": 2,
            "label_names": ["cat", "dog"],
            "pretrained_cfg": {"input_size": [3, 96, 96], "mean": [0.1] * 3, "std": [0.2] * 3},
        }
        files = {
            "model.safetensors": safetensors_bytes(module, cache),
            "config.json": json.dumps(config).encode(),
        }
        hub_cache(cache, "someone/own", files)
        model = load_model("hf-hub:someone/own", offline=True)
        assert model.labels == ("cat", "dog")
        assert model.preprocessing.input_size == (96, 96)
        assert model.preprocessing.mean == (0.1, 0.1, 0.1)

    def test_a_repository_without_labels_has_numbered_classes(self, cache, tiny_resnet):
        config = {"architecture": "test_resnet", "num_classes": 1000, "pretrained_cfg": {}}
        files = {
            "model.safetensors": safetensors_bytes(tiny_resnet.module, cache),
            "config.json": json.dumps(config).encode(),
        }
        hub_cache(cache, "someone/own", files)
        assert load_model("hf-hub:someone/own", offline=True).labels[17] == "class 17"

    def test_offline_without_a_cache_gives_the_three_remedies_and_is_undone(self, cache):
        from huggingface_hub import constants

        before = constants.HF_HUB_OFFLINE
        with pytest.raises(WeightsError, match=r"offline.*CARD.toml.*--weights FILE.*--model demo"):
            load_model("vit_tiny", offline=True)
        assert before == constants.HF_HUB_OFFLINE

    def test_no_network_gives_the_same_message(self, cache, monkeypatch):
        timm = import_timm()

        def unreachable(*_args, **_kwargs):
            raise ConnectionError("no route to host\nmore")

        monkeypatch.setattr(timm.models._hub, "hf_hub_download", unreachable)
        with pytest.raises(WeightsError, match=r"ConnectionError: no route to host\).*demo"):
            load_model("test_resnet")

    def test_a_pickle_in_the_cache_is_not_taken_without_permission(self, cache, tiny_resnet):
        path = cache / "weights.bin"
        torch.save(tiny_resnet.module.state_dict(), path)
        hub_cache(cache, "timm/test_resnet.r160_in1k", {"pytorch_model.bin": path.read_bytes()})
        with pytest.raises(WeightsError, match="cannot be had"):
            load_model("test_resnet", offline=True)
        model = load_model("test_resnet", offline=True, allow_pickle=True)
        assert model.weights_sha256 == tiny_resnet.weights_sha256

    def test_weights_that_are_a_bare_pickle_at_an_address(self):
        with pytest.raises(WeightsError, match="only weights are a pickle"):
            load_model("gcvit_xxtiny")
        with pytest.raises(WeightsError, match="--offline forbids"):
            load_model("gcvit_xxtiny", offline=True, allow_pickle=True)

    def test_a_name_without_pretrained_weights(self):
        timm = import_timm()
        pretrained = {name.split(".")[0] for name in timm.list_models(pretrained=True)}
        name = next(name for name in timm.list_models() if name not in pretrained)
        with pytest.raises(WeightsError, match="timm has no pretrained weights"):
            load_model(name)

    def test_weights_for_a_hub_repository_are_refused(self):
        with pytest.raises(UsageError, match="brings its own weights"):
            load_model("hf-hub:someone/own", weights="random")

    @pytest.mark.slow
    def test_vit_base_by_its_alias_from_the_cache(self, cache):
        module = import_timm().create_model("vit_base_patch16_224")
        content = safetensors_bytes(module, cache)
        name = "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k"
        hub_cache(cache, name, {"model.safetensors": content})
        model = load_model("vit_base", offline=True)
        assert model.architecture == "vit_base_patch16_224.augreg2_in21k_ft_in1k"
        assert model.labels[999] == "toilet tissue"
        assert model.preprocessing.mean == (0.5, 0.5, 0.5)


def test_imagenet_names_are_short_and_unique():
    names = imagenet_names()
    assert names[0] == "tench"
    assert len({name.lower() for name in names}) == 1000
    assert names[134] == "crane (n02012849)"
    assert names[639] == "maillot, tank suit"


class TestFrozen:
    def test_leaves_a_network_as_it_was_found_after_an_error(self):
        module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Linear(2, 2))
        module.train()
        module[1].eval()
        module[0].weight.requires_grad_(False)

        def state():
            flags = [part.training for part in module.modules()]
            return flags, [parameter.requires_grad for parameter in module.parameters()]

        before = state()

        def fail():
            with frozen(module) as inside:
                assert inside is module
                assert state() == ([False] * 4, [False] * 4)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert state() == before


@pytest.mark.assets
@pytest.mark.parametrize("name", ["vit_tiny", "mobilenetv1", "mobilenetv2"])
def test_real_cards_load_with_their_digest(assets, name):
    model = load_model(assets / "models" / f"{name}.toml")
    assert model.num_classes == 1000
    assert model.labels[0] == "tench"
    assert model.weights_origin == "file"
