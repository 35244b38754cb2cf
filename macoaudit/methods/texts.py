"""Paragraphs of the page: how to read it, what it cannot tell."""

from macoaudit.report.records import Fact

HOW_TO_READ = (
    Fact(
        "Plausibility (Deep-KNN distance)",
        "Euclidean distance of a picture's intermediate activations, as they are, to those of the "
        "nearest natural image; mean over the layers named. Distances of different networks are "
        "not comparable, so the same number for natural images stands beside it.",
    ),
    Fact(
        "Percentile among natural images",
        "Share of natural images that are at least as far from their nearest neighbour as the "
        "picture is from its own (unit vectors in front of the classifier). About 0.5 for natural "
        "images, near 0 for pictures that are farther out than every natural image.",
    ),
    Fact(
        "FID, KID, CMMD",
        "Distances between the set of pictures and the set of natural images in the space named. "
        "FID grows when pictures are few, so it is comparable only within one table and against "
        "the same number for as many natural images. KID and CMMD are unbiased for independent "
        "pictures; one picture a class is more even than that, so they can fall below zero.",
    ),
    Fact(
        "Own features and judges' features",
        "A picture was optimised on the network's own features and may fool them. What counts is "
        "what networks find that took no part.",
    ),
    Fact(
        "High-frequency energy",
        "Share of the energy at 0.25 cycles a pixel or more, against that of natural images. Above "
        "0: more fine detail or noise than photographs have.",
    ),
    Fact(
        "Intervals",
        "95 %, over classes: another choice of classes would have moved the number by about this "
        "much. The natural images are held fixed. Two methods differ where the interval of their "
        "paired difference leaves 0 out.",
    ),
)
LIMITS = (
    "A spurious feature may need an unnatural picture, which then scores worse: plausibility says "
    "how natural pictures look and not how true they are.",
    "Few classes and few pictures: read the intervals, and compare methods, not papers. The "
    "feature space of FID is the one named, and other spaces give other numbers.",
    "MACO keeps the magnitude spectrum of natural images by construction, so that a natural "
    "spectrum is no evidence for it; transfer and plausibility in judges' features are.",
)
