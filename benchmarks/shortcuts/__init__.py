"""Planted-truth benchmark of shortcut findings: networks whose shortcuts are known.

What it is
    Small networks are trained on drawn pictures in which one class carries a cue. Whether a network
    then *relies* on the cue is measured, not assumed: the truth of a (network, class) pair is
    ``delta R``, the mean rise of the class's probability when the cue is stamped on held-out
    pictures of other classes. From 0.30 it is a shortcut, to 0.05 it is none; what lies between is
    kept apart.

Pictures (`scenes`, `cues`, `data`)
    Eight shapes of 48 x 48 px on textured backdrops. A third of each class is hard (faint, small or
    half covered), which makes a cue attractive; the rest is learnable without it. Cues: a mark in
    one corner, a mark anywhere, a border, a co-object (localised), a tint, a blur, a texture
    (global). Every stamp comes with its true mask. Auditors are given the split ``audit``:
    ``sample(entry, "audit", n)``, with the cue at the rates of the training set.

Networks (`grid`, `architectures`, `training`, `networks`)
    A CNN, a ViT and a ConvNeXt of timm, some 0.1 to 0.2 million parameters. A cue of correlation q
    is carried by a share q of its class and by no other class. The clean twin of a network has the
    same seed, weights to start from, pictures and order, without the cue; twins of one seed are one
    network. Hard negatives: the cue at chance rate (in half of every class), and
    *compact* evidence, where the class's true subject is small, rigid and in one place. Controls:
    random weights, permuted labels. Even seeds are the fitting half, with four kinds of cue; odd
    seeds are the held-out half, with all seven.

Audits and figures (`audits`, `pairs`, `localisation`, `figures`, `fitting`, `reliance`, `roc`)
    The audit and the baselines get the same 24 pictures of each class, and seeds from the
    network's key. What counts as a shortcut and as clean is in `pairs`; every auditor is ranked on
    the same pairs, and an untested class ranks below all others. Networks that are not trained or
    not audited are listed and left out.
    AUROC, average precision and TPR at 1 % and 5 % FPR with a bootstrap over networks; thresholds
    from the fitting half; false findings per 100 clean classes with exact intervals; uniformity of
    p-values under the null; IoU and pointing.

How to run it
    ::

        python -m benchmarks.shortcuts networks --grid quick              # 40 networks
        python -m benchmarks.shortcuts networks --grid full --shard 1/2   # 180; one process a core

        python -m benchmarks.shortcuts audit --grid quick --seeds 2    # of the networks there are
        python -m benchmarks.shortcuts figures --grid quick            # tables, and a JSON file
        python -m benchmarks.shortcuts fit --grid quick                # thresholds, fitting half

    The first prints one JSON line a network: accuracies on clean and on marked pictures, reliance
    by cue and class, truth, seconds. Networks are kept under ``--cache``, else
    ``$MACOAUDIT_CACHE/shortcuts``, else ``~/.cache/macoaudit/shortcuts``, named by a digest of
    their settings, the code that draws, trains and measures, and the versions of torch, timm and
    numpy. A stopped run goes on where it stopped. Each network has a model card that ``--model``
    reads. Audits lie in ``audits`` beside them.

Measured so far
    `docs/results.md`, section "Shortcuts". A CNN of the grid takes 12 to 15 s of one core to train,
    a ViT 32 to 35 s, a ConvNeXt some 50 s; an audit 22 to 30 s, all baselines 6 s.
"""
