"""Paragraphs of the report of ``morph``: how to read it, what it cannot tell, its words."""

from macoaudit.report.records import Fact, Texts
from macoaudit.results import Run

HOW_TO_READ = (
    Fact(
        "Morph",
        "The image's structures, edges and textures at several sizes and directions, are moved a "
        "little along the gradient of the network's score for another class. Amplitudes are kept; "
        "only where structures lie changes. The question is which small moves raise the score.",
    ),
    Fact(
        "Strip",
        "The source and real frames of the edit, about evenly spaced in distance; nothing is "
        "blended between two of them. Frames in which the target is the network's first class are "
        "framed and marked ✓. Small inputs are enlarged with hard pixels.",
    ),
    Fact(
        "Distance (L2)",
        "Root of the summed squared change of all values, 0 black and 1 white. Equal "
        "amplification is not equal change, so edits are compared at equal distance.",
    ),
    Fact(
        "Controls",
        "The same distances spent otherwise: on the pixels along their own gradient, and on phases "
        "in a direction drawn by chance. Pixels that flip the class much sooner, by detail that "
        "nobody sees, say that the decision does not rest on structure.",
    ),
    Fact(
        "Flip",
        "The least distance found at which the target is the network's first class. In frozen mode "
        "it is sought between the frames, else it is that of the first frame that flips.",
    ),
    Fact(
        "Above half Nyquist",
        "Share of the change's energy in waves shorter than four pixels. White noise has 80 % "
        "there. Variation ratio: total variation of the frame over the source's; well above 1 is "
        "added roughness.",
    ),
    Fact(
        "Sensitivity",
        "Squared slopes of the score, by scale and orientation, at the source: which structures "
        "the score responds to at all, before anything is moved. The map shows where they lie.",
    ),
    Fact(
        "Judges",
        "Networks of the same classes that took no part. That the audited network sees the target "
        "was the aim of the edit; that a judge does is evidence.",
    ),
)
WARP = Fact(
    "Warp explains",
    "Share of the change's energy that a smooth warp of the source accounts for. High: things "
    "moved or changed shape. Low: texture was laid over them.",
)
GLOSSARY = (
    Fact("Amplification (t)", "Largest change of a phase in radians, before it saturates."),
    Fact("Frozen", "One gradient at the source, extrapolated: a picture of sensitivity."),
    Fact("Live", "The current image is analysed again and its gradient taken at every step."),
    Fact("Persistent", "Gradients at every step, the edit anchored at the source and capped."),
    Fact("Phase", "Where within its wavelength a structure lies; a quarter wavelength is 90°."),
    Fact("Runner-up", "The network's most probable class besides the one it moves away from."),
    Fact("Sensitivity", "Sum of the squared slopes of the score over a band's phases."),
    Fact("Target", "The class that the edit moves towards; source: the class it moves away from."),
)
CAN_TELL = (
    "A probability that rises is what was optimised. It does not say that the change is one that a "
    "person or another network would take for the target.",
    "Gradients of different bands need not fit together, so an edit may be texture rather than "
    "movement. Look at the picture, and at the share that a warp explains where it was measured.",
    "An edit that does not flip the class is no proof of robustness: another method, mode or "
    "distance may.",
    "Every picture is written in 8 bits; the numbers were measured before that.",
)
NO_WARP = "The share of the change that a warp explains was not measured; --warp measures it."
NO_JUDGES = "No judge network looked at the frames, so nothing here says whom the change convinces."
FROZEN = (
    "Mode frozen follows one gradient. It shows what the score is sensitive to at the source and "
    "often does not reach the class; mode live makes the more convincing morph."
)
LIVE = (
    "In mode live amplitudes and residuals drift a little from step to step, and late steps "
    "overshoot: the first flip says more than the last frame."
)


def morph_texts(run: Run) -> Texts:
    """Collect the paragraphs for a run of ``morph``."""
    limits = list(CAN_TELL)
    if run.model.weights_origin == "random":
        limits.insert(
            0, "The weights are random. Nothing here says anything about a trained network."
        )
    warped = bool(run.config.get("warp"))
    if not warped:
        limits.append(NO_WARP)
    if not any(track.judges for morph in run.morphs for track in morph.tracks):
        limits.append(NO_JUDGES)
    mode = run.config.get("mode")
    if mode in ("frozen", "live"):
        limits.append(FROZEN if mode == "frozen" else LIVE)
    return Texts((*HOW_TO_READ, *((WARP,) if warped else ())), tuple(limits), GLOSSARY)
