"""The one place that imports timm, late, and mends one known break of mixed installations."""

import importlib
import sys
from types import ModuleType

import torch

_MISSING_OPERATOR = "operator torchvision::nms does not exist"

# torch forgets the operators of a library whose object is collected, so it is kept here.
_declared: list[torch.library.Library] = []


def import_timm() -> ModuleType:
    """Import timm, declaring torchvision's operators where its compiled part cannot be loaded.

    timm imports torchvision for its transforms. A torchvision that was built for another torch
    does not load its compiled part, and then fails at import because it describes the operator
    ``torchvision::nms`` that was never declared. macoaudit calls neither that operator nor
    ``qnms``: declaring their signatures is enough for the import. Nothing is declared unless the
    import fails with exactly that message.

    Returns:
        The module ``timm``.

    Raises:
        RuntimeError: when the import fails for any other reason.
    """
    try:
        return importlib.import_module("timm")
    except RuntimeError as error:
        if _MISSING_OPERATOR not in str(error) or _declared:
            raise
    # A failed import leaves submodules behind that a second import would take as complete.
    for name in [name for name in sys.modules if name.split(".")[0] in ("timm", "torchvision")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        signature = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(signature)  # type: ignore[no-untyped-call]
    _declared.append(library)
    return importlib.import_module("timm")
