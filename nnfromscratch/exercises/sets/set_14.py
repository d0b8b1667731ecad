"""Exercises of lesson 14, Distorted digits."""

import math

import numpy as np

from .._draw import labels, normal, sizes
from .._exercise import Exercise, Mistake

# mix_pairs


def mix_pairs(x, y, partner, share, classes):
    answers = np.eye(classes)[y]
    keep = share[:, None]
    mixed = keep * x + (1 - keep) * x[partner]
    return mixed, keep * answers + (1 - keep) * answers[partner]


def _mix(rng, n, d, classes):
    y = labels(rng, n, classes)
    y[:3] = rng.permutation(classes)[:3]
    partner = rng.permutation(n) if n > 3 else np.array([1, 2, 0])
    return normal(rng, n, d), y, partner, np.round(rng.uniform(0.55, 0.95, n), 2), classes


def _mix_in_a_ring(rng):
    # Averaged labels 1.2, 2.2 and 0.6: no label of the pair, and cut another than rounded.
    y, partner = np.array([0, 3, 1]), np.array([1, 2, 0])
    return normal(rng, 3, 2), y, partner, np.array([0.6, 0.6, 0.6]), 4


def _mix_inputs(rng):
    n, d, classes = sizes(rng, 3, low=3, high=6)
    return _mix(rng, n, d, classes)


def _mix_with(
    images=lambda x, other, keep: keep * x + (1 - keep) * other,
    answers=lambda t, other, keep: keep * t + (1 - keep) * other,
    who=lambda partner: partner,
    keep=lambda share: share[:, None],
    labels_of=lambda partner: partner,
):
    """Return the function with something else in it."""

    def function(x, y, partner, share, classes):
        t, others, k = np.eye(classes)[y], who(partner), keep(share)
        return images(x, x[others], k), answers(t, t[labels_of(others)], k)

    return function


def _mix_numbers(x, y, partner, share, classes):
    mixed, _ = mix_pairs(x, y, partner, share, classes)
    return mixed, share * y + (1 - share) * y[partner]


def _mix_in_place(x, y, partner, share, classes):
    answers = mix_pairs(x, y, partner, share, classes)[1]
    x[...] = share[:, None] * x + (1 - share[:, None]) * x[partner]
    return x, answers


def _mix_averaged(whole):
    def function(x, y, partner, share, classes):
        mixed, averages = _mix_numbers(x, y, partner, share, classes)
        return mixed, np.eye(classes)[whole(averages).astype(int)]

    return function


def _mix_with_mixed(x, y, partner, share, classes):
    mixed, answers = x.copy(), np.eye(classes)[y]
    for n in range(len(x)):
        for rows in (mixed, answers):
            rows[n] = share[n] * rows[n] + (1 - share[n]) * rows[partner[n]]
    return mixed, answers


def _mix_shares_of_both(x, y, partner, share, classes):
    own, other, t = share[:, None], share[partner][:, None], np.eye(classes)[y]
    return own * x + other * x[partner], own * t + other * t[partner]


def _mix_assigned(x, y, partner, share, classes):
    mixed, answers = mix_pairs(x, y, partner, share, classes)[0], np.zeros((len(x), classes))
    answers[np.arange(len(x)), y] = share
    answers[np.arange(len(x)), y[partner]] = 1 - share
    return mixed, answers


def _mix_loop(x, y, partner, share, classes):
    mixed, answers = np.zeros_like(x), np.zeros((len(x), classes))
    for n in range(len(x)):
        mixed[n] = share[n] * x[n] + (1 - share[n]) * x[partner[n]]
        answers[n, y[n]] += share[n]
        answers[n, y[partner[n]]] += 1 - share[n]
    return mixed, answers


def _mix_matrix(x, y, partner, share, classes):
    n = len(x)
    m = np.diag(share)
    m[np.arange(n), partner] += 1 - share
    return m @ x, m @ (y[:, None] == np.arange(classes)).astype(float)


def _mix_partner_share(x, y, partner, share, classes):
    keep, t = share[:, None], np.eye(classes)[y]
    rest = 1 - keep[partner]
    return keep * x + rest * x[partner], keep * t + rest * t[partner]


def _mix_without_last(rng):
    """Return a case in which no image belongs to the last class."""
    return *_mix(rng, 4, 3, 3)[:-1], 5


MIX_PAIRS = Exercise(
    name="mix_pairs",
    lesson=14,
    goal="Mix images in pairs, and say what the right answer to a mixture is.",
    points=2,
    misconception="The images are mixed and the answers are not, or the labels are as numbers.",
    reference=mix_pairs,
    inputs=_mix_inputs,
    corners=(
        _mix_without_last,
        lambda rng: _mix(rng, 3, 3, 3),
        lambda rng: _mix(rng, 5, 3, 4),
        _mix_in_a_ring,
    ),
    outputs=("mixed", "answers"),
    variants=(_mix_loop, _mix_matrix),
    mistakes=(
        Mistake(
            "the answers are not mixed",
            _mix_with(answers=lambda t, other, keep: t),
            "An image that is a third of a 7 should be answered with a third of a 7.",
        ),
        Mistake(
            "the images are not mixed",
            _mix_with(images=lambda x, other, keep: x),
            "The answers belong to mixtures, and the images are still the old ones.",
        ),
        Mistake(
            "labels are mixed as numbers",
            _mix_numbers,
            "Half of a 2 and half of a 6 is not a 4. Make one-hot rows first.",
        ),
        Mistake(
            "one-hot of the averaged labels, cut to whole numbers",
            _mix_averaged(np.floor),
            "Between a 2 and a 6 there is no 4. Make one-hot rows of both labels first, and mix "
            "the rows.",
        ),
        Mistake(
            "one-hot of the averaged labels, rounded",
            _mix_averaged(np.round),
            "Between a 2 and a 6 there is no 4. Make one-hot rows of both labels first, and mix "
            "the rows.",
        ),
        Mistake(
            "a partner is mixed already",
            _mix_with_mixed,
            "In your loop some partners come from rows that have been written before. Read from "
            "the old arrays and write into new ones.",
        ),
        Mistake(
            "the shares are exchanged",
            _mix_with(keep=lambda share: 1 - share[:, None]),
            "share is how much of an image is itself. The partner has the rest.",
        ),
        Mistake(
            "the shares are exchanged in the answers",
            _mix_with(answers=lambda t, other, keep: (1 - keep) * t + keep * other),
            "Image and answer are mixed with the same shares.",
        ),
        Mistake(
            "partners the wrong way round",
            _mix_with(who=np.argsort),
            "partner[n] says whom image n is mixed with: pick the rows of x by it, as it stands.",
        ),
        Mistake(
            "one share for the whole batch",
            _mix_with(keep=lambda share: share[0]),
            "Each pair has its own share.",
        ),
        Mistake(
            "the shares lie along the features",
            _mix_with(keep=lambda share: share),
            "share has one number per image, (N,), and meets the last axis. Give it a second axis "
            "of length 1.",
        ),
        Mistake(
            "the partner is added in full",
            _mix_with(
                images=lambda x, other, keep: keep * x + other,
                answers=lambda t, other, keep: keep * t + other,
            ),
            "The two shares must add up to 1. What is left for the partner?",
        ),
        Mistake(
            "the images are changed in place",
            _mix_in_place,
            "Writing into x changes the caller's images, which are needed again in the next epoch.",
        ),
        Mistake(
            "the partner has the same share",
            _mix_with(images=lambda x, other, keep: keep * x + keep * other),
            "The partner has the rest: 1 minus the share.",
        ),
        Mistake(
            "the partner has the same share, in the answers too",
            _mix_with(
                images=lambda x, other, keep: keep * x + keep * other,
                answers=lambda t, other, keep: keep * t + keep * other,
            ),
            "The partner has the rest: 1 minus the share.",
        ),
        Mistake(
            "half and half",
            _mix_with(keep=lambda share: 0.5),
            "Each pair has its own share, which comes in as an argument.",
        ),
        Mistake(
            "the partner's share is the rest of its own",
            _mix_partner_share,
            "Each image n has one share: it keeps s_n, and its partner has 1 - s_n, with the same "
            "s_n.",
        ),
        Mistake(
            "each pair has the partner's share",
            lambda x, y, partner, share, classes: mix_pairs(x, y, partner, share[partner], classes),
            "share[n] belongs to image n, the one that is mixed, and not to its partner.",
        ),
        Mistake(
            "the classes are counted from the labels",
            lambda x, y, partner, share, classes: mix_pairs(x, y, partner, share, y.max() + 1),
            "There are `classes` columns, even if the last ones have no image here.",
        ),
        Mistake(
            "the images are added in full",
            _mix_with(images=lambda x, other, keep: x + other),
            "Each image counts with its share only.",
        ),
        Mistake(
            "the larger of the two answers",
            _mix_with(answers=lambda t, other, keep: np.maximum(t, other)),
            "The answers are mixed with the same shares as the images, and sum to 1.",
        ),
        Mistake(
            "images and answers have changed places",
            lambda *a: mix_pairs(*a)[::-1],
            "Return the images first, then the answers.",
        ),
        Mistake(
            "the partner's answer is added in full",
            _mix_with(answers=lambda t, other, keep: t + other),
            "Both answers have shares, which sum to 1 in each row.",
        ),
        Mistake(
            "the answers are mixed half and half",
            _mix_with(answers=lambda t, other, keep: (t + other) / 2),
            "The answers have the same shares as the images.",
        ),
        Mistake(
            "the partner's answer is left out",
            _mix_with(answers=lambda t, other, keep: keep * t),
            "What is not the image's own share belongs to the partner's label.",
        ),
        Mistake(
            "the image is added in full",
            _mix_with(images=lambda x, other, keep: keep * x + other),
            "The partner has the rest: 1 less the share.",
        ),
        Mistake(
            "a partner's image is mixed already",
            lambda x, y, partner, share, classes: (
                _mix_with_mixed(x, y, partner, share, classes)[0],
                mix_pairs(x, y, partner, share, classes)[1],
            ),
            "In your loop some partners come from rows that have been written before. Read from "
            "the old array and write into a new one.",
        ),
        Mistake(
            "the partner's own share",
            _mix_shares_of_both,
            "The partner gets what the image leaves, 1 - share[n], and not a share of its own.",
        ),
        Mistake(
            "the neighbour in place of the partner",
            _mix_with(who=lambda partner: np.arange(len(partner)) - 1),
            "partner[n] says whom image n is mixed with.",
        ),
        Mistake(
            "of two equal labels the later share alone",
            _mix_assigned,
            "Where image and partner have the same label, both shares belong to it: add them.",
        ),
        Mistake(
            "the number of the partner is taken for its label",
            lambda x, y, partner, share, classes: (
                mix_pairs(x, y, partner, share, classes)[0],
                share[:, None] * np.eye(classes)[y]
                + (1 - share[:, None]) * np.eye(classes)[partner % classes],
            ),
            "partner holds row numbers. The partner's label is y[partner].",
        ),
    ),
    hints=(
        "x[partner] has, in row n, the partner of image n.",
        "np.eye(classes)[y] has the one-hot rows. Mix them exactly as you mix the images. "
        "(Predicted? A half at 2 and a half at 6; a 4 would mean that it looks like a 4.)",
        "share[:, np.newaxis] has shape (N, 1) and is repeated along the features.",
    ),
)

# turn_places


def turn_places(side, degrees):
    angle, centre = math.radians(degrees), (side - 1) / 2
    r, q = np.indices((side, side)) - centre
    rows = centre + math.cos(angle) * r - math.sin(angle) * q
    return rows, centre + math.sin(angle) * r + math.cos(angle) * q


def _turn_inputs(rng):
    angle = float(rng.integers(5, 80)) * rng.choice([-1, 1])
    return int(rng.integers(2, 6)), float(angle)


def _turn_with(
    angle=np.radians,
    before=lambda side: (side - 1) / 2,
    after=lambda side: (side - 1) / 2,
    turn=lambda r, q, cos, sin: (cos * r - sin * q, sin * r + cos * q),
    finish=lambda places, side: places,
):
    """Return the function with something else in it."""

    def function(side, degrees):
        r, q = np.indices((side, side)) - before(side)
        turned = turn(r, q, np.cos(angle(degrees)), np.sin(angle(degrees)))
        return tuple(finish(places + after(side), side) for places in turned)

    return function


def _turn_chained(r, q, cos, sin):
    r = cos * r - sin * q
    return r, sin * r + cos * q


def _turn_matrix(side, degrees):
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    line = np.arange(side) - (side - 1) / 2
    grid = np.stack(np.meshgrid(line, line, indexing="ij"))
    turned = np.einsum("ij,jrq->irq", np.array([[cos, -sin], [sin, cos]]), grid)
    return tuple(turned + (side - 1) / 2)


def _turn_complex(side, degrees):
    line = np.arange(side) - (side - 1) / 2
    z = (line[:, None] + 1j * line) * np.exp(1j * np.pi * degrees / 180)
    return z.real + (side - 1) / 2, z.imag + (side - 1) / 2


def _turn_loop(side, degrees):
    angle, c = degrees * math.pi / 180, side / 2 - 0.5
    rows, columns = np.zeros((side, side)), np.zeros((side, side))
    for r in range(side):
        for q in range(side):
            rows[r, q] = c + math.cos(angle) * (r - c) - math.sin(angle) * (q - c)
            columns[r, q] = c + math.sin(angle) * (r - c) + math.cos(angle) * (q - c)
    return rows, columns


TURN_PLACES = Exercise(
    name="turn_places",
    lesson=14,
    goal="Turn an image by asking for each new pixel where it is read.",
    points=2,
    misconception="The image is turned about pixel (0, 0), or the other way, or by radians.",
    reference=turn_places,
    inputs=_turn_inputs,
    corners=(
        lambda rng: (3, 90.0),
        lambda rng: (4, 30.0),
        lambda rng: (3, -20.0),
        lambda rng: (2, 0.0),
    ),
    outputs=("rows", "columns"),
    variants=(_turn_matrix, _turn_complex, _turn_loop),
    mistakes=(
        Mistake(
            "degrees are taken for radians",
            _turn_with(angle=lambda degrees: degrees),
            "NumPy's sine and cosine take radians: 180 degrees are pi of them.",
        ),
        Mistake(
            "half of the angle",
            _turn_with(angle=lambda degrees: np.radians(degrees) / 2),
            "A whole turn is 360 degrees, and 2 pi in radians. How much is one degree?",
        ),
        Mistake(
            "degrees are turned into radians the wrong way round",
            _turn_with(angle=np.degrees),
            "180 degrees are pi radians, so an angle in radians is a smaller number.",
        ),
        Mistake(
            "turned the other way",
            _turn_with(turn=lambda r, q, cos, sin: (cos * r + sin * q, cos * q - sin * r)),
            "Look at the signs of the two sines. These places turn the image by -degrees.",
        ),
        Mistake(
            "turned about the pixel (0, 0)",
            _turn_with(before=lambda side: 0, after=lambda side: 0),
            "The centre must stay where it is. Measure rows and columns from there, and add it "
            "again at the end.",
        ),
        Mistake(
            "the centre is not added again",
            _turn_with(after=lambda side: 0),
            "These places are measured from the centre, but an image is read from its first row "
            "and column.",
        ),
        Mistake(
            "the centre is not taken off first",
            _turn_with(before=lambda side: 0),
            "The formula turns the way from the centre to the pixel. What has to be subtracted "
            "before it is turned?",
        ),
        Mistake(
            "the centre is at side / 2",
            _turn_with(before=lambda side: side / 2, after=lambda side: side / 2),
            "Rows run from 0 to side - 1. Which number lies in the middle of these two?",
        ),
        Mistake(
            "the centre is a whole pixel",
            _turn_with(before=lambda side: side // 2, after=lambda side: side // 2),
            "In an image of an even side the centre lies between two rows. It need not be whole.",
        ),
        Mistake(
            "the centre is a whole pixel, rounded down",
            _turn_with(before=lambda side: (side - 1) // 2, after=lambda side: (side - 1) // 2),
            "In an image of an even side the centre lies between two rows. It need not be whole.",
        ),
        Mistake(
            "columns come first",
            _turn_with(turn=lambda r, q, cos, sin: (sin * r + cos * q, cos * r - sin * q)),
            "Both are right, but rows are returned first, and columns second.",
        ),
        Mistake(
            "rows and columns of the new pixel are exchanged",
            _turn_with(turn=lambda r, q, cos, sin: (cos * q - sin * r, sin * q + cos * r)),
            "Entry [r, q] of both results belongs to the new pixel in row r and column q. "
            "np.meshgrid counts otherwise, unless indexing is 'ij'.",
        ),
        Mistake(
            "sine and cosine are exchanged",
            _turn_with(turn=lambda r, q, cos, sin: (sin * r - cos * q, cos * r + sin * q)),
            "For an angle of 0 each pixel is read where it is. There the cosine is 1, the sine 0.",
        ),
        Mistake(
            "both sines have the same sign",
            _turn_with(turn=lambda r, q, cos, sin: (cos * r + sin * q, sin * r + cos * q)),
            "With the same sign in both lines the image is squeezed, not turned. One of the two "
            "has a minus.",
        ),
        Mistake(
            "both sines have a minus",
            _turn_with(turn=lambda r, q, cos, sin: (cos * r - sin * q, cos * q - sin * r)),
            "With the same sign in both lines the image is squeezed, not turned. One of the two "
            "has a plus.",
        ),
        Mistake(
            "the columns are made from the turned rows",
            _turn_with(turn=_turn_chained),
            "The second line needs the row of the new pixel, as it was before the first line.",
        ),
        Mistake(
            "the columns stay",
            _turn_with(turn=lambda r, q, cos, sin: (cos * r - sin * q, q)),
            "A turn changes both, the row and the column.",
        ),
        Mistake(
            "the rows stay",
            _turn_with(turn=lambda r, q, cos, sin: (r, sin * r + cos * q)),
            "A turn changes both, the row and the column.",
        ),
        Mistake(
            "places are rounded",
            _turn_with(finish=lambda places, side: np.round(places)),
            "Places may lie between the pixels. What is read there is mixed from the four around.",
        ),
        Mistake(
            "places are kept inside of the image",
            _turn_with(finish=lambda places, side: np.clip(places, 0, side - 1)),
            "Places may lie outside of the image, where there is paper.",
        ),
        Mistake(
            "the results are flat",
            _turn_with(finish=lambda places, side: places.ravel()),
            "Both results have the shape of the image, (side, side).",
        ),
        Mistake(
            "400 degrees are taken for a full turn",
            lambda side, degrees: turn_places(side, degrees * 0.9),
            "A full turn is 360 degrees, or 2 pi.",
        ),
        Mistake(
            "places are taken around the edge",
            lambda side, degrees: tuple(place % side for place in turn_places(side, degrees)),
            "Places may lie outside of the image; leave them as they are.",
        ),
        Mistake(
            "how far away the old place is",
            lambda side, degrees: tuple(
                places - grid
                for places, grid in zip(
                    turn_places(side, degrees), np.mgrid[:side, :side], strict=True
                )
            ),
            "These are the ways from the new pixel to the old place. The places are asked for.",
        ),
        Mistake(
            "the sign of the angle is lost",
            lambda side, degrees: turn_places(side, abs(degrees)),
            "An angle may be negative, and turns the other way then.",
        ),
    ),
    hints=(
        "Work with r - c and q - c, the way from the centre to the new pixel, for all pixels "
        "at once.",
        "np.indices((side, side)) gives the rows and the columns of all pixels.",
        "Angle in radians, rows and columns less the centre, the two lines of the formula, and the "
        "centre added to both. (Predicted? The new corner at the top left is read at the bottom "
        "left of the old image, so the ink has turned clockwise.)",
    ),
)

# shift_pixels


def shift_pixels(images, down, right):
    _, height, width = images.shape
    new = np.zeros_like(images)
    for r in range(height):
        for c in range(width):
            if 0 <= r - down < height and 0 <= c - right < width:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _images(rng, n, height, width):
    count = n * height * width
    return np.round(rng.permutation(count) / count * 0.9 + 0.05, 2).reshape(n, height, width)


def _shift(rng, n, height, width):
    down, right = (int(rng.integers(1 - size, size)) for size in (height, width))
    return _images(rng, n, height, width), down, right


def _shift_inputs(rng):
    return _shift(rng, *sizes(rng, 3, high=5))


def _shift_by(down, right):
    return lambda rng: (_images(rng, 2, 4, 3), down, right)


def _use_shift(answer, images, down, right):
    new = answer(images, down, right)
    if not isinstance(new, np.ndarray):
        return new
    result = new.copy()
    if new.flags.writeable:
        new[...] = 7.0  # the caller draws on the new images; the old ones should not feel it
    return result


def _shift_with(change):
    return lambda images, down, right: shift_pixels(images, *change(down, right))


def _shift_wraps(images, down, right):
    return np.roll(images, (down, right), axis=(1, 2))


def _shift_edge(images, down, right):
    _, height, width = images.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return images[:, rows][:, :, columns]


def _shift_forward_only(images, down, right):
    new = np.zeros_like(images)
    new[:, down:, right:] = images[:, :-down, :-right]
    return new


def _shift_in_place(images, down, right):
    images[...] = shift_pixels(images, down, right)
    return images


def _shift_same(images, down, right):
    return shift_pixels(images, down, right) if down or right else images


def _shift_roll_emptied(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    new[:, :down], new[:, :, :right] = 0, 0
    return new


def _shift_all_but_last(images, down, right):
    new = shift_pixels(images, down, right)
    new[:, -1], new[:, :, -1] = 0, 0
    return new


def _shift_cut(images, down, right):
    _, height, width = images.shape
    return images[
        :, max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ].copy()


def _shift_examples(images, down, right):
    return shift_pixels(images.transpose(1, 0, 2), down, right).transpose(1, 0, 2)


def _shift_writes_zero(images, down, right):
    new = images.copy()
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if 0 <= r - down < height and 0 <= c - right < width:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _shift_asks_beyond(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if r - down < height and c - right < width:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _shift_puts_beyond(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if r + down < height and c + right < width:
                new[:, r + down, c + right] = images[:, r, c]
    return new


def _shift_padded(images, down, right):
    _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (height, height), (width, width)))
    return padded[:, height - down : 2 * height - down, width - right : 2 * width - right]


def _shift_slices(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    to_r, to_c = max(0, down), max(0, right)
    from_r, from_c = max(0, -down), max(0, -right)
    rows, columns = height - abs(down), width - abs(right)
    new[:, to_r : to_r + rows, to_c : to_c + columns] = images[
        :, from_r : from_r + rows, from_c : from_c + columns
    ]
    return new


def _shift_matrices(images, down, right):
    _, height, width = images.shape
    return np.eye(height, k=-down) @ images @ np.eye(width, k=right)


def _shift_emptied_first(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    new[:, : abs(down)], new[:, :, : abs(right)] = 0, 0
    return new


def _shift_emptied_rows(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    if down > 0:
        new[:, :down] = 0
    elif down < 0:
        new[:, down:] = 0
    return new


def _shift_emptied_at_zero(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    new[:, :down] = 0 if down > 0 else new[:, :down]
    new[:, :, :right] = 0 if right > 0 else new[:, :, :right]
    if down <= 0:
        new[:, down:] = 0
    if right <= 0:
        new[:, :, right:] = 0
    return new


def _shift_mask(images, down, right):
    return shift_pixels(np.ones_like(images), down, right) > 0


def _shift_first_row(images, down, right):
    images = images.copy()
    images[:, 0] = 0
    return shift_pixels(images, down, right)


def _shift_one(images, down, right):
    new = np.zeros_like(images)
    new[:1] = shift_pixels(images[:1], down, right)
    return new


def _shift_square(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if 0 <= r - down < height and 0 <= c - right < height:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _shift_positive(images, down, right):
    new = np.zeros_like(images)
    height, width = images.shape[1:]
    new[:, down:, right:] = images[:, : height - down, : width - right]
    return new


def _shift_first_lost(images, down, right):
    new = np.zeros_like(images)
    for r, c in np.ndindex(*images.shape[1:]):
        if 0 < r - down < images.shape[1] and 0 < c - right < images.shape[2]:
            new[:, r, c] = images[:, r - down, c - right]
    return new


SHIFT_PIXELS = Exercise(
    name="shift_pixels",
    lesson=14,
    goal="Shift images by asking for each new pixel where it comes from.",
    points=3,
    misconception="What leaves on one side comes back on the other, or negative shifts are lost.",
    reference=shift_pixels,
    inputs=_shift_inputs,
    corners=(
        _shift_by(1, 2),
        _shift_by(-1, 1),
        _shift_by(2, 0),
        _shift_by(0, 0),
        lambda rng: (_images(rng, 3, 3, 3), 1, -1),
    ),
    call=_use_shift,
    arguments=("images", "down", "right"),
    out_of_reach=("distort",),
    variants=(_shift_padded, _shift_slices, _shift_matrices),
    mistakes=(
        Mistake(
            "what leaves on one side comes back on the other",
            _shift_wraps,
            "np.roll is a carousel. Outside the image there is paper: zeros come in.",
        ),
        Mistake(
            "rolled, and emptied at the same end whatever the sign",
            _shift_roll_emptied,
            "[:down] is the top for a positive down. For down = -1 the bottom row must be emptied, "
            "and [:-1] is all but that.",
        ),
        Mistake(
            "the other way",
            _shift_with(lambda down, right: (-down, -right)),
            "A positive down moves the ink to larger row numbers. The new pixel r reads the old "
            "one at r - down: which sign have you?",
        ),
        Mistake(
            "down and right are exchanged",
            _shift_with(lambda down, right: (right, down)),
            "Axis 1 counts the rows, from top to bottom. That is the axis of down.",
        ),
        Mistake(
            "only down",
            _shift_with(lambda down, right: (down, 0)),
            "The columns have stayed where they were.",
        ),
        Mistake(
            "only to the right",
            _shift_with(lambda down, right: (0, right)),
            "The rows have stayed where they were.",
        ),
        Mistake(
            "negative shifts are taken for positive",
            _shift_with(lambda down, right: (abs(down), abs(right))),
            "down = -1 means one row up.",
        ),
        Mistake(
            "right only for positive shifts",
            _shift_forward_only,
            "A slice [:-0] is empty, and a negative start counts from the end. What must happen "
            "for shifts of 0 and below?",
        ),
        Mistake(
            "a negative place is read from the other end",
            _shift_asks_beyond,
            "Ink that should be outside comes in at the opposite edge: to NumPy an index of -1 "
            "means the last row or column. What lies before the first one must be left out.",
        ),
        Mistake(
            "a negative place is written at the other end",
            _shift_puts_beyond,
            "Ink that leaves the image comes back at the opposite edge: to NumPy an index of -1 "
            "means the last row or column. What lies before the first one must be left out.",
        ),
        Mistake(
            "the edge is repeated",
            _shift_edge,
            "Outside the image there is paper: zeros come in, not copies of the edge.",
        ),
        Mistake(
            "the old ink stays where nothing new comes",
            _shift_writes_zero,
            "Begin with an empty image, so that what has moved away is gone.",
        ),
        Mistake(
            "the image has become smaller",
            _shift_cut,
            "The result has the shape of the images. Where nothing comes from, it is zero.",
        ),
        Mistake(
            "the examples are shifted",
            _shift_examples,
            "Axis 0 counts the images. Rows are axis 1, columns axis 2.",
        ),
        Mistake(
            "the caller's own images come back",
            _shift_same,
            "For a shift of (0, 0) this is the very array that came in, and whoever draws on the "
            "new images draws on the old ones. Return a copy there too.",
        ),
        Mistake(
            "the argument is changed",
            _shift_in_place,
            "The caller needs the old images again. Write into a new array.",
        ),
        Mistake(
            "rolled the other way",
            lambda images, down, right: np.roll(images, (-down, -right), axis=(1, 2)),
            "Two things: what leaves on one side must not come back on the other, and down means "
            "towards larger row numbers.",
        ),
        Mistake(
            "rolled, and emptied at the first rows and columns",
            _shift_emptied_first,
            "With a negative shift the new paper is at the other end.",
        ),
        Mistake(
            "rolled, and only rows emptied",
            _shift_emptied_rows,
            "The columns that come in are paper as well.",
        ),
        Mistake(
            "rolled, and emptied as a whole at a shift of 0",
            _shift_emptied_at_zero,
            "A shift of 0 empties nothing. To NumPy -0: means everything.",
        ),
        Mistake(
            "ones come in",
            lambda images, down, right: np.where(
                _shift_mask(images, down, right), shift_pixels(images, down, right), 1.0
            ),
            "Outside the image there are zeros.",
        ),
        Mistake(
            "the first row is left out",
            _shift_first_row,
            "Row 0 of the old image belongs to it, and its ink is lost in yours.",
        ),
        Mistake(
            "only the first image is shifted", _shift_one, "All images of the batch are shifted."
        ),
        Mistake(
            "rows are measured by the width",
            _shift_square,
            "Images need not be square: rows end at H, columns at W.",
        ),
        Mistake(
            "the image has become larger",
            lambda images, down, right: np.pad(
                images, ((0, 0), (max(down, 0), max(-down, 0)), (max(right, 0), max(-right, 0)))
            ),
            "The new images are as large as the old ones: what leaves the image is lost.",
        ),
        Mistake(
            "only positive shifts fit",
            _shift_positive,
            "Shifts may be negative, and slices of two lengths do not fit into each other.",
        ),
        Mistake(
            "the first row and column are lost",
            _shift_first_lost,
            "A place of 0 lies inside of the image: row 0 is a row like any other.",
        ),
        Mistake(
            "shifted twice as far",
            _shift_with(lambda down, right: (2 * down, 2 * right)),
            "Each pixel moves by down and right, once.",
        ),
        Mistake(
            "one pixel too far",
            _shift_with(lambda down, right: (down + 1, right + 1)),
            "A shift of (0, 0) leaves the image as it is.",
        ),
        Mistake(
            "what leaves is taken out, and nothing moves",
            lambda images, down, right: images * shift_pixels(np.ones_like(images), down, right),
            "The new pixel gets the value of the place that it comes from.",
        ),
        Mistake(
            "the mean comes in",
            lambda images, down, right: np.where(
                shift_pixels(np.ones_like(images), down, right) == 0,
                images.mean(),
                shift_pixels(images, down, right),
            ),
            "Outside the image there is paper: zeros come in.",
        ),
        Mistake(
            "rolled along the examples and the rows",
            lambda images, down, right: np.roll(images, (down, right), (0, 1)),
            "Axis 0 holds the examples. Rows are axis 1, columns axis 2; and nothing comes back.",
        ),
        Mistake(
            "the last row and column stay empty",
            _shift_all_but_last,
            "range(height - 1) ends one row too early: the last row and column are filled too.",
        ),
    ),
    hints=(
        "Ask, don't put: for the new pixel (r, c), which old pixel does it read? Is there one?",
        "Two loops over r and c are fine; new[:, r, c] = ... does all images at once.",
        "The new pixel (r, c) reads the old one at (r - down, c - right). Copy it if both lie in "
        "the image, at either end, and leave the zero otherwise. (Predicted? What has left the "
        "image does not come back.)",
    ),
)

EXERCISES = (MIX_PAIRS, TURN_PLACES, SHIFT_PIXELS)
