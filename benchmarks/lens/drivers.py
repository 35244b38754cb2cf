"""Small networks on the drawn faces: a plain one, a robust one, and a judge of another build."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

N_TRAINING = 3000
EPOCHS = 6
EPSILON = 1.0
"""Radius of the robust network's adversaries, ``||x' - x||_2`` in 0..1."""
ATTACK_STEPS = 4
Images = Float[Tensor, "batch 1 height width"]
Labels = Int[Tensor, " batch"]


def make_network(seed: int, widths: Sequence[int] = (16, 32, 64), act: type = nn.ReLU) -> nn.Module:
    """Build a small convolutional classifier of three moods with seeded weights."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        channels = 1
        for width in widths:
            layers += [nn.Conv2d(channels, width, 5, stride=2, padding=2), act()]
            channels = width
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 64, 3))


def adversaries(network: nn.Module, images: Images, labels: Labels, epsilon: float) -> Images:
    """Climb the loss within a radius (Madry et al. 2018)."""
    delta = torch.zeros_like(images)
    for _ in range(ATTACK_STEPS):
        free = (images + delta).requires_grad_()
        loss = nn.functional.cross_entropy(network(free), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, free)
        length = gradient.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
        delta = delta + 2.5 * epsilon / ATTACK_STEPS * gradient / length
        norm = delta.flatten(1).norm(dim=1)[:, None, None, None]
        delta = delta * (epsilon / norm.clamp(min=epsilon))
    return (images + delta).clamp(0, 1).detach()


def train(
    network: nn.Module, images: Images, labels: Labels, *, robust: bool, seed: int, epochs: int
) -> nn.Module:
    """Train with Adam; the robust way on adversaries alone.

    Args:
        network: is changed, and returned in eval mode.
        images: in 0..1.
        labels: mood of each.
        robust: train on adversaries within :data:`EPSILON`.
        seed: of the order of the images.
        epochs: passes over the images.
    """
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        # From the full radius on, the loss is flat at random weights and nothing is learned.
        epsilon = EPSILON * min(1.0, epoch / (epochs / 2))
        order = torch.randperm(len(images), generator=generator)
        for at in range(0, len(images), 64):
            picked = order[at : at + 64]
            batch, target = images[picked], labels[picked]
            if robust and epsilon > 0:
                batch = adversaries(network, batch, target, epsilon)
            adam.zero_grad()
            nn.functional.cross_entropy(network(batch), target).backward()
            adam.step()
    return network.eval()


def accuracy(network: nn.Module, images: Images, labels: Labels) -> float:
    """Share of images whose mood is found."""
    with torch.no_grad():
        return float((network(images).argmax(1) == labels).double().mean())
