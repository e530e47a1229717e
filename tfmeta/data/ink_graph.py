"""The ink of drawings, as ops that a server runs: to a thousandth what `tfmeta.data.ink` computes."""

import tensorflow as tf

from tfmeta.data import ink as same

__all__ = ["inks_of_pages", "levelled", "page_of"]


def page_of(image: tf.Tensor, side: int) -> tf.Tensor:
    """Shrinks an image by averaging over areas, and adds paper, as light as the edge beside it, until it is square.

    Args:
        image: ``[H, W, C]``, of any type of number.
        side: of the result. A smaller image is enlarged by bilinear interpolation.

    Returns:
        float32 ``[side, side, C]``.
    """
    size = tf.shape(image)[:2]
    longest = tf.reduce_max(size)
    scaled = tf.maximum(1, (2 * size * side + longest) // (2 * longest))  # [2]
    page = tf.cond(
        longest > side,
        lambda: tf.image.resize(image, scaled, "area"),
        lambda: tf.image.resize(image, scaled, "bilinear"),
    )
    for axis in (0, 1):
        gap = side - tf.shape(page)[axis]
        first, last = (
            tf.reduce_mean(tf.gather(page, [end], axis=axis), 1 - axis, keepdims=True)
            for end in (0, tf.shape(page)[axis] - 1)
        )
        page = tf.concat(
            [_lines(first, page, gap // 2, axis), page, _lines(last, page, gap - gap // 2, axis)], axis
        )
    return tf.ensure_shape(page, [side, side, image.shape[-1]])


def _lines(paper: tf.Tensor, page: tf.Tensor, count: tf.Tensor, axis: int) -> tf.Tensor:
    """As many rows (`axis` 0) or columns as wanted, ``[count, W, C]`` or ``[H, count, C]``, of paper ``[1, 1, C]``."""
    size = tf.shape(page)
    return tf.broadcast_to(paper, [count, size[1], size[2]] if axis == 0 else [size[0], count, size[2]])


def inks_of_pages(pages: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the ink of pages; see `tfmeta.data.ink.ink_of`.

    Args:
        pages: ``[M, P, P]``, 0 black to 1 white.
        side: of the result, in pixels.

    Returns:
        float32 ``[M, side, side]``, ink 1, paper 0; and which pages have no drawing, bool ``[M]``.
    """
    size = int(pages.shape[1])
    coarse = pages
    if size != same.COARSE:
        coarse = _both(_constant(size, same.COARSE), pages)
    border = tf.reduce_mean(_border_of(coarse), axis=1)
    low, high = tf.reduce_min(coarse, [1, 2]), tf.reduce_max(coarse, [1, 2])
    light_ink = tf.cast(border - low < high - border, tf.float32)[:, None, None]
    pages, coarse = (tf.abs(light_ink - x) for x in (pages, coarse))
    coarse_paper = paper = _paper(coarse)
    if size != same.COARSE:
        paper = _both(_constant(same.COARSE, size), paper)
    ink = tf.clip_by_value((paper - pages) / tf.maximum(paper, same.DARKEST), 0.0, 1.0)
    strongest = tf.math.top_k(tf.reshape(ink, [-1, size * size]), same.strongest_of(size)).values
    strength = tf.reduce_mean(strongest, axis=1)
    blank = _are_blank(coarse, coarse_paper, strength)
    scale = tf.maximum(strength, same.FAINTEST)[:, None, None]
    ink = tf.clip_by_value((ink / scale - same.NO_INK) / (same.FULL_INK - same.NO_INK), 0.0, 1.0)
    ink = _placed(ink, side)
    ink = tf.clip_by_value(_as_thick_as_known(ink), 0.0, 1.0)
    return tf.nn.avg_pool2d(ink[..., None], 2, 2, "VALID")[..., 0], blank


def _are_blank(coarse: tf.Tensor, paper: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """Which coarse pages ``[M, N, N]`` have nothing but noise and shadows, bool ``[M]``."""
    varied = 1.0 - tf.reduce_min(paper, [1, 2]) / tf.reduce_max(paper, [1, 2])
    ink = tf.maximum((paper - coarse) / tf.maximum(paper, same.DARKEST), 0.0)
    ink /= tf.maximum(tf.reduce_max(ink, [1, 2], keepdims=True), same.LEAST)
    edge = tf.maximum(
        tf.reduce_max(tf.abs(ink[:, 2:] - ink[:, :-2]), [1, 2]),
        tf.reduce_max(tf.abs(ink[:, :, 2:] - ink[:, :, :-2]), [1, 2]),
    )
    border = tf.reduce_mean(_border_of(ink), axis=1)
    wide = tf.minimum(border, tf.reduce_mean(ink, [1, 2])) > same.WIDE
    return (strength < same.FAINTEST + same.SHADED * varied) | (edge < same.SOFTEST) | wide


def _border_of(pages: tf.Tensor) -> tf.Tensor:
    """The outermost pixels of pages ``[M, N, N]``: ``[M, 4 N]``."""
    return tf.concat([pages[:, 0], pages[:, -1], pages[:, :, 0], pages[:, :, -1]], axis=1)


def levelled(pages: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sets the levels of pages that are drawings of the models' own form; see `tfmeta.data.ink.levelled`.

    Args:
        pages: ``[M, H, H]``, 0 black to 1 white.

    Returns:
        float32 ``[M, H, H]``, ink 1, paper 0; and which pages have no drawing, bool ``[M]``.
    """
    size = int(pages.shape[1])
    paper = tf.math.top_k(_border_of(pages), 2 * size).values[:, -1]  # the median
    low, high = tf.reduce_min(pages, [1, 2]), tf.reduce_max(pages, [1, 2])
    light_ink = tf.cast(paper - low < high - paper, tf.float32)
    paper = tf.abs(light_ink - paper)[:, None, None]
    pages = tf.abs(light_ink[:, None, None] - pages)
    ink = tf.clip_by_value((paper - pages) / tf.maximum(paper, same.DARKEST), 0.0, 1.0)
    count = same.strongest_of(size)
    strongest = tf.math.top_k(tf.reshape(ink, [-1, size * size]), count, sorted=False).values
    strength = tf.reduce_mean(strongest, axis=1)
    scale = tf.maximum(strength, same.FAINTEST)[:, None, None]
    return tf.minimum(1.0, ink / scale), strength < same.FAINTEST


def _placed(ink: tf.Tensor, side: int) -> tf.Tensor:
    """Scales and moves drawings ``[M, P, P]`` to where those lie that models learn from: ``[M, 2 side, 2 side]``."""
    size = int(ink.shape[1])
    inked = ink > 0.5
    down, across = (_ends(tf.reduce_any(inked, axis), size) for axis in (2, 1))
    length = tf.maximum(down[1] - down[0], across[1] - across[0])
    known = tf.clip_by_value(length * 28 / size, same.SHORTEST, same.LONGEST)
    step = tf.maximum(length, 1.0) / known * 28 / side  # pixels of the page a pixel, [M]
    rows, columns = (
        _box_means(size, step / 2, (begin + end) / 2 - side / 2 * step, 2 * side)
        for begin, end in (down, across)
    )
    return tf.matmul(tf.matmul(rows, ink), columns, transpose_b=True)


def _ends(inked: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Where ink begins and ends, ``[M]`` each, of bool ``[M, P]``."""
    some = tf.cast(inked, tf.int32)
    first, last = tf.argmax(some, 1), size - tf.argmax(some[:, ::-1], 1)
    return tf.cast(first, tf.float32), tf.cast(last, tf.float32)


def _box_means(size: int, step: tf.Tensor, start: tf.Tensor, count: int) -> tf.Tensor:
    step, start = step[:, None], start[:, None]
    length = tf.maximum(step, tf.minimum(1.0, 2.0 - 4.0 * step))
    centre = start + (tf.range(count, dtype=tf.float32) + 0.5) * step
    low, high = (centre - length / 2)[..., None], (centre + length / 2)[..., None]
    pixel = tf.range(size, dtype=tf.float32)
    overlap = tf.minimum(pixel + 1.0, high) - tf.maximum(pixel, low)
    return tf.clip_by_value(overlap, 0.0, 1.0) / length[..., None]


def _paper(coarse: tf.Tensor) -> tf.Tensor:
    near, far = tf.constant(same.blur(same.NEAR)), tf.constant(same.blur(same.FAR))

    def refined(turn: tf.Tensor, going: tf.Tensor, paper: tf.Tensor) -> tuple[tf.Tensor, ...]:
        light = tf.cast(coarse > (1.0 - same.INKED) * paper, tf.float32)
        seen = -_largest(-light, same.ERODED, same.ERODED) + 1e-4
        both = tf.concat([seen, coarse * seen], axis=0)  # [2M, N, N]
        share, by_near = tf.split(_both(near, both), 2)
        far_share, by_far = tf.split(_both(far, both), 2)
        trust = tf.clip_by_value(share / 0.05, 0.0, 1.0)
        better = tf.maximum(trust * by_near / share + (1.0 - trust) * by_far / far_share, same.LEAST)
        better = tf.where(going[:, None, None], better, paper)
        return turn + 1, going & (tf.reduce_max(tf.abs(better - paper), [1, 2]) >= same.SETTLED), better

    paper = tf.maximum(_both(far, _largest(coarse, same.WINDOW, same.WINDOW)), same.LEAST)
    going = tf.ones_like(paper[:, 0, 0], tf.bool)  # of each page on its own: its neighbours change nothing
    return tf.while_loop(
        lambda turn, going, paper: tf.reduce_any(going),
        refined,
        (tf.constant(0), going, paper),
        maximum_iterations=same.ROUNDS,
    )[2]


def _as_thick_as_known(ink: tf.Tensor) -> tf.Tensor:
    """Brings strokes of drawings ``[M, H, H]`` to the strength and width of those that models learn from."""

    def off(ink: tf.Tensor) -> tf.Tensor:
        width = _width(ink)
        return tf.where(thick, width > same.THICKEST, thin & (width < same.USUAL))

    def step(turn: tf.Tensor, ink: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        signed = tf.where(thick, -ink, ink)
        plus = tf.maximum(_largest(signed, 3, 1), _largest(signed, 1, 3))
        grown = tf.where(turn % 2 == 0, plus, _largest(signed, 3, 3))
        return turn + 1, tf.where(off(ink), tf.where(thick, -grown, grown), ink)

    ink = tf.minimum(1.0, ink * same.PALEST / tf.minimum(_level(ink), same.PALEST))
    thin, thick = _width(ink) < same.THINNEST, _width(ink) > same.THICKEST  # [M, 1, 1]
    start = tf.constant(0), ink
    return tf.while_loop(
        lambda turn, ink: tf.reduce_any(off(ink)), step, start, maximum_iterations=same.STEPS
    )[1]


def _width(ink: tf.Tensor) -> tf.Tensor:
    """How wide strokes are, in 28ths of a side: ``[M, 1, 1]``."""
    edges = tf.reduce_sum(tf.abs(ink[:, 1:] - ink[:, :-1]), [1, 2], keepdims=True)
    edges += tf.reduce_sum(tf.abs(ink[:, :, 1:] - ink[:, :, :-1]), [1, 2], keepdims=True)
    area = tf.reduce_sum(ink, [1, 2], keepdims=True)
    return same.EDGES * area / tf.maximum(edges, same.LEAST) * _level(ink) * (56 / int(ink.shape[1]))


def _level(ink: tf.Tensor) -> tf.Tensor:
    """How strong the ink of strokes is, mostly: ``[M, 1, 1]``."""
    square = ink * ink
    cube = tf.reduce_sum(square * ink, [1, 2], keepdims=True)
    return tf.maximum(cube / tf.maximum(tf.reduce_sum(square, [1, 2], keepdims=True), same.LEAST), same.LEAST)


def _largest(values: tf.Tensor, high: int, wide: int) -> tf.Tensor:
    return tf.nn.max_pool2d(values[..., None], (high, wide), 1, "SAME")[..., 0]


def _both(weights: tf.Tensor, pages: tf.Tensor) -> tf.Tensor:
    """Weights ``[K, N]`` times pages ``[M, N, N]``, down and across: ``[M, K, K]``."""
    return tf.matmul(weights, tf.matmul(pages, weights, transpose_b=True))


def _constant(size: int, count: int) -> tf.Tensor:
    return tf.constant(same.resampling(size, count))
