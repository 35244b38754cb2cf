"""The acceptance run: neutral faces made to smile, by networks of which one is robust.

python -m benchmarks.lens faces
"""

import argparse
import time
from dataclasses import dataclass

from torch import Tensor, nn

from benchmarks.lens.drivers import EPOCHS, N_TRAINING, accuracy, make_network, train
from benchmarks.lens.faces import MOODS, draw_faces
from macoaudit.lens import LensConfig, Track, steerable_lens

NEUTRAL, SMILE = MOODS.index("neutral"), MOODS.index("smile")


@dataclass(frozen=True)
class Networks:
    """A plain and a robust driver, and a judge that nobody follows."""

    plain: nn.Module
    robust: nn.Module
    judge: nn.Module
    accuracies: tuple[float, float, float]


def train_networks(n_training: int = N_TRAINING, epochs: int = EPOCHS) -> Networks:
    """Train the three networks on drawn faces; a judge of another width, activation and seed."""
    images, labels = draw_faces(n_training, seed=0)
    held, truth = draw_faces(300, seed=1)
    plain = train(make_network(0), images, labels, robust=False, seed=0, epochs=epochs)
    robust = train(make_network(0), images, labels, robust=True, seed=0, epochs=epochs)
    judge = make_network(7, widths=(12, 24, 48), act=nn.GELU)
    judge = train(judge, images, labels, robust=False, seed=7, epochs=epochs)
    found = [accuracy(network, held, truth) for network in (plain, robust, judge)]
    return Networks(plain, robust, judge, (found[0], found[1], found[2]))


def neutral_faces(n_faces: int) -> Tensor:
    """Held-out neutral faces."""
    images, labels = draw_faces(3 * n_faces, seed=2)
    return images[labels == NEUTRAL]


@dataclass(frozen=True)
class Row:
    """Medians over the faces at one frame of an edit."""

    l2: float
    target_prob: float
    flipped: float
    judged: float
    hf_share: float
    tv_ratio: float
    warp: float


def row(track: Track, frame: int = -1) -> Row:
    """Summarise a track at a frame: medians, and shares of faces."""
    judge = track.judges["judge"]
    warp = track.warp_energy
    return Row(
        l2=float(track.l2[frame].median()),
        target_prob=float(track.driver.target_prob[frame].median()),
        flipped=float((track.driver.top1[frame] == SMILE).double().mean()),
        judged=float((judge.top1[frame] == SMILE).double().mean()),
        hf_share=float(track.hf_share[frame].median()),
        tv_ratio=float(track.tv_ratio[frame].median()),
        warp=float("nan") if warp is None else float(warp[frame].median()),
    )


def live(networks: Networks, driver: nn.Module, faces: Tensor) -> dict[str, Row]:
    """Eight steps of the live mode, and the pixels' own at the same distances."""
    config = LensConfig(mode="live", steps=8, step_cap=0.5, warp=True, scales=4)
    result = steerable_lens(
        driver, faces, SMILE, NEUTRAL, config=config, judges={"judge": networks.judge}
    )
    return {"live": row(result.lens)} | {
        f"{name} live": row(track) for name, track in result.controls.items()
    }


def frozen(networks: Networks, driver: nn.Module, faces: Tensor) -> dict[str, Row]:
    """One gradient extrapolated, with the cap and without."""
    judges = {"judge": networks.judge}
    rows = {}
    for amount in (3.0, 12.0):
        config = LensConfig(amplifications=(amount,), warp=True, scales=4)
        result = steerable_lens(driver, faces, SMILE, NEUTRAL, config=config, judges=judges)
        rows[f"frozen t={amount:g}"] = row(result.lens)
        rows[f"pixel, L2 of t={amount:g}"] = row(result.controls["pixel"])
    rows["random phases, L2 of t=12"] = row(result.controls["random"])
    literal = LensConfig(amplifications=(12.0,), phase_cap=None, warp=True, scales=4, controls=())
    result = steerable_lens(driver, faces, SMILE, NEUTRAL, config=literal, judges=judges)
    rows["uncapped t=12"] = row(result.lens)
    return rows


def main(arguments: list[str]) -> int:
    """Train, run and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.lens faces")
    parser.add_argument("--faces", type=int, default=12)
    n_faces = parser.parse_args(arguments).faces
    start = time.perf_counter()
    networks = train_networks()
    print(f"trained three networks in {time.perf_counter() - start:.0f} s")
    print("accuracy: plain {:.3f}, robust {:.3f}, judge {:.3f}".format(*networks.accuracies))
    faces = neutral_faces(n_faces)
    print("\n| driver | edit | L2 | p(smile) | flips | judge | HF | TV | warp |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, driver in (("plain", networks.plain), ("robust", networks.robust)):
        for edit, one in {
            **frozen(networks, driver, faces),
            **live(networks, driver, faces),
        }.items():
            print(
                f"| {name} | {edit} | {one.l2:.2f} | {one.target_prob:.3f} | {one.flipped:.2f} | "
                f"{one.judged:.2f} | {one.hf_share:.3f} | {one.tv_ratio:.2f} | {one.warp:.2f} |"
            )
    return 0
