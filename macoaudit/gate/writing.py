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
# weights = "net.safetensors"    # in place of the model's own
# layer = "penultimate"          # that is inverted; `macoaudit models card.toml` lists them
# images = ["photos"]
# masks = "masks"                # one PNG for every image, the object white

# Inversions of an image and the first seed of them, steps of inversions and drawings, whose
# settings ("macoaudit", "paper", "horama", "xplique"), the magnitude spectrum that they keep.
# seeds = 3
# seed = 0
# steps = 256
# compat = "macoaudit"
# spectrum = "mine.safetensors"

# Networks that judge the inversions (["none"]: no judges), natural images to compare them with,
# and how many of the nearest ones count. offline: never try to download weights.
# judges = ["resnet50"]
# references = ["natural-photos"]
# neighbours = 3
# offline = true

# Share of unusable images that is tolerated; more make the audit incomplete.
# max_bad = "5%"

# Least severity that fails the audit: "high", "medium" or "never". With a baseline, the
# results.json of an earlier audit, only new and worse findings do.
fail_on = "high"
# baseline = "baseline.json"

# Folder that the addresses of images in SARIF are relative to (without it: the repository that the
# audit is started in).
# sarif_root = "."

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
