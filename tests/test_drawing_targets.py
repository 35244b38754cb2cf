"""Targets: values by hand, independent of batch mates, linear in the weights, or refused."""

import hashlib
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import write_card
from safetensors.numpy import save_file

from macoaudit.directions import load_directions, load_sums
from macoaudit.errors import LayerError, UsageError
from macoaudit.models import (
    Layout,
    Reading,
    attention_layers,
    load_model,
    logits_function,
    read_layouts,
    readings_function,
)
from macoaudit.models.grids import Grid
from macoaudit.targets import (
    AccentObjective,
    Target,
    TargetObjective,
    Term,
    WeightedSum,
    check_sum,
    make_slots,
    parse_channels,
    parse_directions,
    parse_heads,
    parse_logits,
    parse_neurons,
    parse_sum,
    parse_tokens,
    standard_score,
    typical_size,
)

LABELS = ("tench", "tiger cat", "tabby", "7up", "crane, bird")
LOGITS = Layout(Reading("logits", "logits"), (5,), None)
TWO = Layout(Reading("logits", "logits"), (2,), None)
MAPS = Layout(Reading("layer", "conv"), (2, 2, 3), Grid(2, 3, 0, False))
LAST = Layout(Reading("layer", "last"), (2, 3, 2), Grid(2, 3, 0, True))
TOKENS = Layout(Reading("layer", "block"), (1 + 2 + 4, 3), Grid(2, 2, 3, True), 3, True)
HEADS = Layout(Reading("heads", "block"), (2, 3, 4), None)
VECTOR = Layout(Reading("layer", "pooled"), (3,), None)


def score(target, layout, values) -> float:
    flat = torch.as_tensor(values, dtype=torch.float32).reshape(1, 1, -1)
    return float(TargetObjective([target], make_slots([layout])).scores(flat))


def counting(layout) -> torch.Tensor:
    return torch.arange(layout.size, dtype=torch.float32).reshape(layout.shape)


class TestValues:
    """Activations are 0, 1, 2, ... in memory order, so every value can be read off."""

    def test_logit(self):
        assert score(Target("logit", index=3), LOGITS, [5, 6, 7, 8, 9]) == 8

    def test_standard_score_of_a_logit(self):
        target = Target("logit", index=3, form="standard")
        assert score(target, LOGITS, [5, 6, 7, 8, 9]) == pytest.approx(1 / math.sqrt(2))
        # neither a shift nor a longer vector counts, only how far the class stands out
        assert score(target, LOGITS, [-50, -40, -30, -20, -10]) == pytest.approx(1 / math.sqrt(2))
        assert score(target, LOGITS, [0, 0, 0, 1, 0]) == pytest.approx(2)  # sqrt(5 - 1): the most
        assert score(target, LOGITS, [4, 4, 4, 4, 4]) == 0

    def test_standard_score_has_a_slope_where_all_classes_are_equal(self):
        logits = torch.full((1, 5), 2.0, requires_grad=True)
        (gradient,) = torch.autograd.grad(standard_score(logits, 1).sum(), logits)
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient[0, 1]) > 0

    def test_gradient_of_the_standard_score(self, generator):
        logits = torch.randn(3, 7, generator=generator, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda z: standard_score(z, 2), logits)

    def test_channel_is_the_mean_over_places_whatever_the_order_of_axes(self):
        assert score(Target("channel", "conv", 1), MAPS, counting(MAPS)) == pytest.approx(8.5)
        assert score(Target("channel", "last", 1), LAST, counting(LAST)) == pytest.approx(6)
        # patch tokens 3..6 of three numbers: 10, 13, 16, 19
        assert score(Target("channel", "block", 1), TOKENS, counting(TOKENS)) == pytest.approx(14.5)
        assert score(Target("channel", "pooled", 2), VECTOR, [1, 2, 4]) == 4

    def test_neuron_is_one_place_and_the_centre_by_default(self):
        assert score(Target("neuron", "conv", 1, place=(0, 2)), MAPS, counting(MAPS)) == 8
        assert score(Target("neuron", "conv", 1), MAPS, counting(MAPS)) == 10  # row 1, column 1
        assert score(Target("neuron", "last", 1, place=(1, 2)), LAST, counting(LAST)) == 11
        assert score(Target("neuron", "block", 0, place=(1, 0)), TOKENS, counting(TOKENS)) == 15

    def test_token_by_its_name(self):
        values = counting(TOKENS)
        for part, expected in (("cls", 2), ("reg0", 5), ("reg1", 8), ("0", 11), ("3", 20)):
            assert score(Target("token", "block", 2, part=part), TOKENS, values) == expected
        assert score(Target("token", "block", 2, part="mean"), TOKENS, values) == 15.5

    def test_head_is_the_mean_square_of_what_it_puts_out(self):
        values = torch.zeros(HEADS.shape)
        values[1, 0] = torch.tensor([3.0, 0, 0, 0])
        values[0] = 100
        assert score(Target("head", "block", 1), HEADS, values) == pytest.approx(9 / 12)

    def test_direction_and_its_cosine(self):
        v = (3.0, 4.0, 0.0)
        dot = Target("direction", "pooled", vector=v)
        assert score(dot, VECTOR, [4, 3, 12]) == 24
        cosine = Target("direction", "pooled", vector=v, form="cosine")
        assert score(cosine, VECTOR, [4, 3, 0]) == pytest.approx(24 / 25)
        channels = Target("direction", "conv", vector=(2.0, -1.0))  # means 2.5 and 8.5
        assert score(channels, MAPS, counting(MAPS)) == pytest.approx(-3.5)
        whole = Target("direction", "conv", vector=tuple(float(i == 7) for i in range(12)))
        assert score(whole, MAPS, counting(MAPS)) == 7
        token = Target("direction", "block", vector=v, part="cls")
        assert score(token, TOKENS, counting(TOKENS)) == 4  # 0, 1, 2

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.floats(-8, 8, width=32).filter(bool), min_size=1, max_size=4))
    def test_weights_are_linear(self, weights):
        terms = tuple(Term(w, Target("logit", index=i)) for i, w in enumerate(weights))
        values = [2.0, -3.0, 5.0, 7.0, 11.0]
        expected = sum(w * v for w, v in zip(weights, values, strict=False))
        assert score(WeightedSum(terms), LOGITS, values) == pytest.approx(expected, abs=1e-4)

    def test_a_sum_reaches_over_layers(self):
        slots = make_slots([LOGITS, MAPS])
        goal = WeightedSum(
            (Term(2.0, Target("logit", index=4)), Term(-1.0, Target("neuron", "conv")))
        )
        flat = torch.cat([torch.tensor([0.0, 0, 0, 0, 9]), counting(MAPS).flatten()])
        assert float(TargetObjective([goal], slots).scores(flat[None, None])) == 18 - 4

    def test_views_and_members_each_have_their_own_score(self, generator):
        targets = [
            Target("channel", "conv", 0),
            Target("neuron", "conv", 1),
            Target("channel", "conv", 1),
        ]
        slots = make_slots([MAPS])
        values = torch.randn(3, 2, 12, generator=generator)
        objective = TargetObjective(targets, slots)
        together = objective.scores(values)
        changed = values.clone()
        changed[0] *= 100
        assert torch.equal(objective.scores(changed)[1:], together[1:])
        for member, target in enumerate(targets):
            alone = TargetObjective([target], slots).scores(values[member : member + 1])
            assert torch.equal(alone[0], together[member])
        kept = objective.select(torch.tensor([2, 0]))
        assert torch.equal(kept.scores(values[[2, 0]]), together[[2, 0]])
        assert len(objective.members) == 3  # selecting leaves the objective as it was

    def test_gradient_of_a_linear_network_is_its_weight_row(self, generator):
        matrix = torch.randn(5, 12, generator=generator)
        image = torch.randn(1, 12, generator=generator, requires_grad=True)
        goal = WeightedSum(
            (Term(1.0, Target("logit", index=2)), Term(-0.5, Target("logit", index=4)))
        )
        scores = TargetObjective([goal], make_slots([LOGITS])).scores((image @ matrix.T)[None])
        (gradient,) = torch.autograd.grad(scores.sum(), image)
        torch.testing.assert_close(gradient[0], matrix[2] - 0.5 * matrix[4])


class TestAccent:
    def test_by_hand(self):
        slots = make_slots([LOGITS, VECTOR])
        plain = TargetObjective([Target("logit", index=1)], slots)
        given = torch.tensor([3.0, 4, 0, 0, 0, 6, 0, 8])
        size = typical_size(plain.members[0], slots, given)
        assert size == pytest.approx((25 / 5) ** 0.5)
        objective = AccentObjective(
            plain, torch.tensor([size]), VECTOR.reading, given[None, 5:], weight=2.0
        )
        there = given.clone()
        assert float(objective.scores(there[None, None])) == pytest.approx(4 / size)
        there[1], there[7] = 10, 13  # 5 from the image's (6, 0, 8), whose length is 10
        assert float(objective.scores(there[None, None])) == pytest.approx(10 / size - 2 * 0.5)
        kept = objective.select(torch.tensor([0]))
        assert torch.equal(kept.scores(there[None, None]), objective.scores(there[None, None]))

    def test_a_standard_score_is_its_own_scale(self):
        goal = WeightedSum((Term(-2.0, Target("logit", index=1, form="standard")),))
        assert typical_size(goal, make_slots([LOGITS]), 50 * torch.ones(5)) == 2

    def test_an_image_without_activation_is_refused(self):
        slots = make_slots([LOGITS, VECTOR])
        plain = TargetObjective([Target("logit", index=1)], slots)
        with pytest.raises(UsageError, match="zero everywhere"):
            AccentObjective(plain, torch.ones(1), VECTOR.reading, torch.zeros(1, 3), 1.0)
        with pytest.raises(UsageError, match="--keep is -1"):
            AccentObjective(plain, torch.ones(1), VECTOR.reading, torch.ones(1, 3), -1.0)


class TestRefused:
    @pytest.mark.parametrize(
        ("target", "layout", "message"),
        [
            (Target("logit", index=5), LOGITS, "there are 5 classes, use 0 to 4"),
            (
                Target("logit", form="standard"),
                TWO,
                "needs 3 or more of them; use --logit-form raw",
            ),
            (Target("channel", "conv", 2), MAPS, "there are 2 channels, use 0 to 1"),
            (Target("neuron", "conv", 0, place=(2, 0)), MAPS, "rows 0 to 1 and columns 0 to 2"),
            (Target("neuron", "pooled", 0, place=(1, 0)), VECTOR, "no grid over the image"),
            (Target("token", "block", 3, part="cls"), TOKENS, "there are 3 channels"),
            (Target("token", "block", 0, part="reg2"), TOKENS, "it has 2 register tokens"),
            (Target("token", "block", 0, part="4"), TOKENS, "it has 4 patch tokens, use 0 to 3"),
            (Target("token", "conv", 0, part="cls"), MAPS, "not tokens"),
            (Target("head", "block", 2), HEADS, "there are 2 heads, use 0 to 1"),
            (
                Target("direction", "conv", vector=(1.0,) * 5),
                MAPS,
                "the direction has 5 numbers; give one of 2, a number a channel, or 12",
            ),
        ],
    )
    def test_what_is_not_there(self, target, layout, message):
        with pytest.raises(UsageError, match=message):
            TargetObjective([target], make_slots([layout]))

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"kind": "pixel"}, "kind is 'pixel'"),
            ({"kind": "logit", "layer": "conv"}, "layer 'conv' does not fit"),
            ({"kind": "channel"}, "layer 'logits' does not fit"),
            ({"kind": "channel", "layer": "a", "index": -1}, "index -1"),
            ({"kind": "channel", "layer": "a", "place": (0, 0)}, "place"),
            ({"kind": "channel", "layer": "a", "form": "standard"}, "form 'standard'"),
            ({"kind": "logit", "form": "cosine"}, "form 'cosine'"),
            ({"kind": "token", "layer": "a"}, "part None"),
            ({"kind": "token", "layer": "a", "part": "cls "}, "part 'cls '"),
            ({"kind": "direction", "layer": "a"}, "vector None"),
            ({"kind": "direction", "layer": "a", "vector": (0.0, 0.0)}, "zero everywhere"),
            ({"kind": "direction", "layer": "a", "vector": (1.0, float("nan"))}, "not finite"),
        ],
    )
    def test_fields_that_do_not_fit(self, fields, message):
        if fields["kind"] == "pixel":  # the type check at import refuses it even earlier
            with pytest.raises(Exception, match="pixel"):
                Target(**fields)
            return
        with pytest.raises(UsageError, match=message):
            Target(**fields)

    def test_weights_and_empty_sums(self):
        with pytest.raises(UsageError, match="weight 0"):
            Term(0.0, Target("logit"))
        with pytest.raises(UsageError, match="no terms"):
            WeightedSum(())


class TestReadings:
    def test_readings_of_one_pass_are_those_of_single_ones(self, tiny_vit, generator):
        readings = (
            Reading("logits", "logits"),
            Reading("heads", "blocks.1"),
            Reading("layer", "blocks.2:mean"),
            Reading("layer", "penultimate"),
            Reading("layer", "blocks.0"),
        )
        image = torch.rand(2, 3, 160, 160, generator=generator)
        joint = readings_function(tiny_vit, readings)(image)
        single = [readings_function(tiny_vit, (reading,))(image) for reading in readings]
        torch.testing.assert_close(joint, torch.cat(single, 1))
        torch.testing.assert_close(single[0], logits_function(tiny_vit)(image))
        hooks = [m for m in tiny_vit.module.modules() if m._forward_hooks or m._forward_pre_hooks]
        assert hooks == []

    def test_in_place_modules_behind_a_layer_do_not_change_it(self, tiny_resnet, generator):
        image = torch.rand(2, 3, 160, 160, generator=generator)
        bn, final = Reading("layer", "layer1.0.bn1"), Reading("logits", "logits")
        joint = readings_function(tiny_resnet, (bn, final))(image)
        alone = readings_function(tiny_resnet, (bn,))(image)
        torch.testing.assert_close(joint[:, : alone.shape[1]], alone)

    def test_heads_put_together_and_projected_are_the_attention(self, tiny_vit, generator):
        """Closed form: the projection of all heads side by side is the module's own output."""
        image = torch.rand(2, 3, 160, 160, generator=generator)
        attention = tiny_vit.module.blocks[1].attn
        with torch.no_grad():
            heads = readings_function(tiny_vit, (Reading("heads", "blocks.1"),), flat=False)(image)
            out = readings_function(tiny_vit, (Reading("layer", "blocks.1.attn"),), flat=False)(
                image
            )
            assert heads.shape[1] == attention.num_heads
            joined = heads.transpose(1, 2).flatten(2)
            torch.testing.assert_close(attention.proj(joined), out)

    def test_layouts(self, tiny_vit, tiny_resnet):
        names = (Reading("layer", "blocks.1"), Reading("heads", "blocks.1.attn"))
        tokens, heads = read_layouts(tiny_vit, names)
        assert tokens.shape == (101, 64)
        assert (tokens.n_prefix, tokens.has_class_token) == (1, True)
        assert heads.shape == (tiny_vit.module.blocks[1].attn.num_heads, 101, 32)
        (maps,) = read_layouts(tiny_resnet, (Reading("layer", "layer2"),))
        assert maps.grid is not None
        assert not maps.grid.channels_last
        assert attention_layers(tiny_vit)[0] == "blocks.0.attn"
        assert attention_layers(tiny_resnet) == ()

    def test_layers_without_heads_and_misspelt_ones(self, tiny_vit, tiny_resnet):
        with pytest.raises(LayerError, match=r"no attention heads.*those of blocks.0.attn"):
            read_layouts(tiny_vit, (Reading("heads", "blocks.0.mlp"),))
        with pytest.raises(LayerError, match="has none at all"):
            read_layouts(tiny_resnet, (Reading("heads", "layer1"),))
        with pytest.raises(LayerError, match=r"no such layer. Did you mean blocks.1"):
            read_layouts(tiny_vit, (Reading("heads", "blokcs.1"),))

    def test_logits_of_a_network_without_classes(self, tmp_path):
        model = load_model(str(write_card(tmp_path, classes=0)))
        with pytest.raises(Exception, match="has no classes"):
            read_layouts(model, (Reading("logits", "logits"), Reading("layer", "body")))


class TestParsing:
    def test_logits(self):
        def indices(text):
            return [target.index for target in parse_logits(text, LABELS)]

        assert indices("3,0-2") == [3, 0, 1, 2]
        assert indices("all") == [0, 1, 2, 3, 4]
        assert indices("Tabby, 0, tabby") == [2, 0]
        assert indices("crane, bird") == [4]
        assert parse_logits("tiger cat", LABELS)[0].text == "tiger cat (logit 1)"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("tigercat", "no class 'tigercat'. Did you mean tiger cat"),
            ("tiger", "Did you mean tiger cat"),
            ("zzz", "no class 'zzz'. Use a name, an index from 0 to 4"),
            ("5", "class 5 is out of range; there are 5 classes, 0 to 4"),
            ("4-2", "the range 4-2"),
            ("", "no class ''"),
            ("-1", "no class '-1'"),
        ],
    )
    def test_logits_that_are_not_there(self, text, message):
        with pytest.raises(UsageError, match=message):
            parse_logits(text, LABELS)

    def test_the_others(self):
        assert [t.index for t in parse_channels("layer3.0:0-2,7")] == [0, 1, 2, 7]
        assert parse_channels("blocks.3:cls:4")[0] == Target("channel", "blocks.3:cls", 4)
        assert parse_neurons("conv:5,2,1") == (Target("neuron", "conv", 5, place=(2, 1)),)
        assert parse_neurons("conv:5") == (Target("neuron", "conv", 5),)
        assert parse_tokens("blocks.1:reg0:3") == (Target("token", "blocks.1", 3, part="reg0"),)
        assert [t.index for t in parse_tokens("blocks.1:17:0,4")] == [0, 4]
        assert parse_heads("blocks.1:2") == (Target("head", "blocks.1", 2),)

    @pytest.mark.parametrize(
        ("read", "text"),
        [
            (parse_channels, "conv"),
            (parse_channels, "conv:"),
            (parse_channels, "conv:a"),
            (parse_channels, "conv:0-999999999"),
            (parse_neurons, "conv:1,2"),
            (parse_neurons, "conv:1,2,x"),
            (parse_tokens, "blocks.1:3"),
            (parse_tokens, "blocks.1:first:3"),
            (parse_heads, ":3"),
        ],
    )
    def test_other_forms_are_refused(self, read, text):
        with pytest.raises(UsageError, match="--"):
            read(text)

    def test_sums(self):
        goal = parse_sum("1*logit:3 - 0.5*logit:tiger cat + channel:conv:7", LABELS)
        assert [(t.weight, t.target.kind, t.target.index) for t in goal.terms] == [
            (1, "logit", 3),
            (-0.5, "logit", 1),
            (1, "channel", 7),
        ]
        assert parse_sum("-2e-1*logit:0", LABELS).terms[0].weight == -0.2
        assert parse_sum("-logit:0", LABELS).terms[0].weight == -1
        assert goal.text == ("1 x 7up (logit 3) - 0.5 x tiger cat (logit 1) + 1 x conv, channel 7")
        assert goal.class_index is None
        assert parse_sum("logit:2", LABELS).class_index == 2
        assert parse_sum("-1*logit:2", LABELS).class_index is None

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("logit", "not WEIGHT"),
            ("1*cell:3", "no kind 'cell'"),
            ("logit:0-3", "names 4 targets; name one"),
            ("1.2.3*logit:0", "is no number"),
            ("0*logit:0", "weight 0"),
        ],
    )
    def test_sums_that_are_refused(self, text, message):
        with pytest.raises(UsageError, match=message):
            parse_sum(text, LABELS)


class TestFiles:
    def test_directions_from_both_formats(self, tmp_path):
        rows = np.array([[1.0, 2], [3, 4]], dtype=np.float32)
        np.save(tmp_path / "probe.npy", rows)
        save_file({"b": rows, "a": rows[0]}, tmp_path / "probe.safetensors")
        assert load_directions(tmp_path / "probe.npy") == (
            ("probe", (1.0, 2.0)),
            ("probe", (3.0, 4.0)),
        )
        named = load_directions(tmp_path / "probe.safetensors")
        assert [name for name, _ in named] == ["a", "b", "b"]
        (first, _) = parse_directions(load_directions(tmp_path / "probe.npy"), "conv", "dot")
        assert first.vector_sha256 == hashlib.sha256(rows[0].tobytes()).hexdigest()
        goal = parse_sum(
            f"2*direction:conv:{tmp_path / 'probe.npy'}:1", LABELS, load=load_directions
        )
        assert goal.terms[0].target.vector == (3.0, 4.0)

    def test_files_that_are_refused(self, tmp_path):
        np.save(tmp_path / "i.npy", np.arange(3))
        np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
        (tmp_path / "x.npy").write_bytes(b"nothing")
        (tmp_path / "x.safetensors").write_bytes(b"nothing")
        (tmp_path / "x.pt").write_bytes(b"nothing")
        for name, message in (
            ("i.npy", "give floating-point vectors"),
            ("o.npy", "cannot be read"),
            ("x.npy", "cannot be read"),
            ("x.safetensors", "cannot be read"),
            ("none.npy", "cannot be read"),
            ("x.pt", r"give a \.safetensors or \.npy"),
        ):
            with pytest.raises(UsageError, match=message):
                load_directions(tmp_path / name)
        with pytest.raises(UsageError, match="--direction-form is 'l2'"):
            parse_directions((), "conv", "l2")

    def test_sums_from_both_formats(self, tmp_path):
        (tmp_path / "s.toml").write_text('[sums]\n"more cat" = "1*logit:3"\n')
        (tmp_path / "s.json").write_text(json.dumps({"sums": {"more cat": "1*logit:3"}}))
        for name in ("s.toml", "s.json"):
            assert load_sums(tmp_path / name) == (("more cat", "1*logit:3"),)
        (tmp_path / "a.toml").write_text("[sums]\n")
        (tmp_path / "b.toml").write_text("= 3")
        for name in ("a.toml", "b.toml", "none.toml"):
            with pytest.raises(UsageError, match="--sums"):
                load_sums(tmp_path / name)


def test_a_record_says_everything_but_the_vector():
    target = Target("direction", "conv", 4, vector=(1.0, 0.5), form="cosine", name="probe")
    goal = WeightedSum((Term(2.0, target),), name="mine")
    (term,) = goal.record()
    assert (term.weight, term.kind, term.layer, term.index) == (2, "direction", "conv", 4)
    assert (term.form, term.vector_sha256, goal.text) == ("cosine", target.vector_sha256, "mine")
    assert json.loads(json.dumps(goal.to_json()))[0]["vector_sha256"] == target.vector_sha256
    check_sum(goal, make_slots([Layout(Reading("layer", "conv"), (2,), None)]))
