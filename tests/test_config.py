"""Settings: ramps by hand, presets against the published values, refusals."""

import json
import math

import pytest

from macoaudit.config import InvertConfig, MacoConfig, Ramp, ViewConfig, constant, preset
from macoaudit.errors import UsageError


def test_ramps_by_hand():
    ramp = Ramp(1.0, 0.2)
    assert ramp.value(0.0) == 1.0
    assert ramp.value(0.5) == pytest.approx(0.6)
    assert ramp.value(0.25) == pytest.approx(0.2 + 0.8 * (1 + math.cos(math.pi / 4)) / 2)
    assert Ramp(0.5, 0.1, "linear").value(0.25) == pytest.approx(0.4)
    assert constant(0.3).value(0.77) == pytest.approx(0.3)


def test_the_paper_preset_is_the_published_one():
    paper = preset("paper")
    assert (paper.n_steps, paper.canvas_px) == (256, 512)
    assert paper.learning_rate == constant(1.0)
    assert (paper.views.n_crops, paper.views.side_law) == (1, "normal")
    assert (paper.views.side_low.start, paper.views.side_high.start) == (0.25, 0.1)
    assert paper.views.noise_uniform == constant(0.1)
    assert paper.views.noise_stage == "canvas"
    assert paper.phase.init == "uniform"
    assert paper.phase.hermitian
    assert not paper.phase.standardize


def test_the_peer_presets_carry_their_quirks_and_the_default_none():
    horama, xplique, ours = preset("horama"), preset("xplique"), preset("macoaudit")
    assert (horama.n_steps, horama.canvas_px, horama.views.n_crops) == (1000, 1280, 6)
    assert (xplique.n_steps, xplique.canvas_px, xplique.views.n_crops) == (256, 512, 32)
    assert horama.phase.value_range == (-2.5, 2.5)
    assert xplique.phase.value_range == (-1.0, 1.0)
    for peer in (horama, xplique):
        phase = peer.phase
        assert (phase.init, phase.resample, phase.color) == ("normal", "bilinear", "lucid")
        assert phase.standardize
        assert not phase.hermitian
        assert peer.objective == "dot_cosine"
    phase = ours.phase
    assert (phase.init, phase.resample, phase.color) == ("uniform", "frequency", "spectrum")
    assert phase.hermitian
    assert not phase.standardize
    assert phase.value_range is None
    assert ours == MacoConfig()


@pytest.mark.parametrize("name", ["macoaudit", "paper", "horama", "xplique"])
def test_presets_are_plain_data_that_say_their_name(name):
    document = json.loads(json.dumps(preset(name).to_json()))
    assert document["preset"] == name


def test_refusals_name_the_setting_and_what_to_do():
    with pytest.raises(UsageError, match=r"--compat is 'lucid'; use one of macoaudit, paper"):
        preset("lucid")
    with pytest.raises(UsageError, match=r"steps is 0; use at least 1"):
        MacoConfig(n_steps=0)
    with pytest.raises(UsageError, match=r"canvas is 8; use at least 16 px"):
        MacoConfig(canvas_px=8)
    with pytest.raises(UsageError, match=r"learning_rate is -1.0; it must not be negative"):
        MacoConfig(learning_rate=constant(-1.0))
    with pytest.raises(UsageError, match=r"ramp start is nan; it must be finite"):
        Ramp(math.nan, 0.0)
    with pytest.raises(UsageError, match=r"settle_frac is 2.0; use 0 to 1"):
        ViewConfig(settle_frac=2.0)


def test_invert_settings(tmp_path):
    config = InvertConfig(images=(tmp_path,), model="demo", out=tmp_path, n_seeds=3, seed=5)
    assert config.seeds == (5, 6, 7)
    assert json.loads(json.dumps(config.settings()))["seeds"] == [5, 6, 7]
    with pytest.raises(UsageError, match=r"--seeds is 0; use at least 1"):
        InvertConfig(images=(tmp_path,), model="demo", out=tmp_path, n_seeds=0)
    assert InvertConfig(images=(tmp_path,), model="demo", out=tmp_path).seeds == (0, 1, 2)
    with pytest.raises(UsageError, match=r"--neighbours is 0; use at least 1"):
        InvertConfig(images=(tmp_path,), model="demo", out=tmp_path, plausibility_k=0)
    with pytest.raises(UsageError, match=r"--judge: a, b came twice; name each judge once"):
        InvertConfig(images=(tmp_path,), model="m", out=tmp_path, judges=("b", "a", "a", "b"))
    with pytest.raises(UsageError, match=r"--judge: 'none' came with a, b; give 'none' alone"):
        InvertConfig(images=(tmp_path,), model="m", out=tmp_path, judges=("a", "none", "b"))
    with pytest.raises(UsageError, match=r"--max-bad is 1.5; use 0 to 1"):
        InvertConfig(images=(tmp_path,), model="demo", out=tmp_path, max_bad_frac=1.5)
