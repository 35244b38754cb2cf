"""The policy file that a project begins with."""

TEXT = """\
# Policy of `macoaudit audit`: what is audited, what fails it, what is set aside and until when.
# Every key but schema_version may be left out; options on the command line beat this file.
# Paths are relative to this file's folder. See docs/policy.md; check with `macoaudit policy check`.
schema_version = 1

# How much is made: "quick" (minutes on a CPU), "standard" or "thorough".
preset = "quick"

# What is audited: a network or a model card, and images in folders named after their classes.
# model = "card.toml"
# images = ["photos"]

# Inversions of an image, and networks that judge them (["none"]: no judges).
# seeds = 3
# judges = ["resnet50"]

# Least severity that fails the audit: "high", "medium" or "never".
fail_on = "high"

# [budget]
# max_minutes = 60    # an audit that is not done by then is incomplete, which is no pass
# max_images = 500    # from all class folders alike; what was left out is said

# Rules: "shortcut/place" (a cue somewhere in the image), "shortcut/spectrum" (in its texture) and
# "shortcut/property" (brightness, tint, sharpness, ...).
# [rules."shortcut/spectrum"]
# least_margin = 1.5                                  # high findings below count as medium
# severities = { high = "medium", medium = "info" }   # what a severity counts as

# Findings that do not fail the audit until a day, at most a year ahead. The fingerprint is that of
# the finding in results.json (gate.findings).
# [[suppressions]]
# fingerprint = "0000000000000000000000000000000000000000000000000000000000000000"
# reason = "why it is no shortcut, or what is done about it"
# owner = "who answers for it"
# expires = 2027-01-31
"""
