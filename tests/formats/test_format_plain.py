"""Text from outside: one line, visible, clipped, and without a path from a root."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts import HOSTILE, SECRET

from macoaudit.formats.places import relative_uri
from macoaudit.formats.plain import CLIP, more, plain


class TestPlain:
    @pytest.mark.parametrize("text", ["a/b.png", "1/f", "and/or", "https://host/a/b", "</script>",
                                      "[/red]", "50 % / 2", "../up/x.png", "übergröße/猫",
                                      "12:30", "a: b"])  # fmt: skip
    def test_what_is_no_path_from_a_root_stays(self, text):
        assert plain(text) == text

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("/home/me/x.png is bad", "x.png is bad"),
            ("weights '/home/me/x.png': bad", "weights 'x.png': bad"),
            ("weights:/home/me/x.png", "weights:x.png"),
            ("--weights=/home/me/x.png", "--weights=x.png"),
            ("[/home/me/x.png, /y/z]", "[x.png, z]"),
            ("file:///home/me/x.png", "x.png"),
            (r"C:\Users\me\x.png", "x.png"),
            ("C:/Users/me/x.png", "x.png"),
            (r"\\host\share\x.png", "x.png"),
            ("shortcut//home/me/x", "shortcutx"),
            ("//host/x", "x"),
            ("/home/me/my photos/x.png", "my photos/x.png"),
        ],
    )
    def test_of_a_path_from_a_root_the_last_part_is_kept(self, text, kept):
        assert plain(text) == kept

    @pytest.mark.parametrize("text", HOSTILE)
    def test_nothing_invisible_is_left(self, text):
        shown = plain(text)
        unseen = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
        assert not [one for one in shown if unicodedata.category(one) in unseen]
        assert SECRET not in shown
        assert shown.encode().decode() == shown

    def test_300_characters_stay_whole_and_longer_text_is_clipped(self):
        assert plain("x" * 300) == "x" * 300
        assert plain("x" * CLIP) == "x" * CLIP
        clipped = plain("x" * (CLIP + 1))
        assert clipped == "x" * (CLIP - 1) + "…"
        assert len(plain("\x00" * 10**6)) == CLIP

    def test_what_is_left_out_is_counted(self):
        assert more(1, "finding") == "1 more finding, see the report"
        assert more(1234, "note") == "1,234 more notes, see the report"


class TestPlaces:
    @pytest.mark.parametrize(
        ("path", "uri"),
        [
            (None, None),
            ("", None),
            ("../..", None),
            ("cat/17.jpg", "cat/17.jpg"),
            ("/etc/passwd", "etc/passwd"),
            ("../../up.png", "up.png"),
            ("a b/ü#?.png", "a%20b/%C3%BC%23%3F.png"),
            ("C:/x.png", "C%3A/x.png"),
            ("https://host/x", "https%3A/host/x"),
            ("a\\b.png", "a%5Cb.png"),
            ("bad-\udcff.png", "bad-%FF.png"),
            ("bad-\ud800.png", "bad-%ED%A0%80.png"),
        ],
    )
    def test_an_address_is_relative(self, path, uri):
        assert relative_uri(path) == uri

    @settings(max_examples=200, deadline=None)
    @given(st.text(st.characters(), max_size=30).map(lambda text: text.replace("x", "../")))
    def test_whatever_came_it_is_a_relative_reference(self, path):
        uri = relative_uri(path)
        if uri is None:
            assert not set(path) - set("./")
            return
        assert uri.isascii()
        assert not uri.startswith("/")
        assert ":" not in uri
        assert "//" not in uri
        assert not {".", ".."} & set(uri.split("/"))
