"""A folder of one-shot runs, laid out as the Omniglot repository's."""

from PIL import Image


def write_run(run, drawings):
    """Writes a run of ``[classes, 2, H, W, 1]``: the first of each class to train, the second to test, last first."""
    lines = []
    for part in ("training", "test"):
        (run / part).mkdir(parents=True)
    for number, (shown, asked) in enumerate(drawings):
        item, drawn = f"test/item{len(drawings) - number:02}.png", f"training/class{number + 1:02}.png"
        for path, image in ((drawn, shown), (item, asked)):
            Image.fromarray(255 - image[..., 0]).save(run / path)
        lines.append(f"{run.name}/{item} {run.name}/{drawn}")
    (run / "class_labels.txt").write_text("\n".join(sorted(lines)) + "\n")
