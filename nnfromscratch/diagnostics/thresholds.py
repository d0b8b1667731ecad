"""Every number that decides a finding, with where it comes from.

They are wide: a finding that is not there sends a reader the wrong way, so a measurement that could
mean either says nothing.
"""

ROWS, ROWS_OF_DATA, ROWS_FOR_GRADIENTS = 1_000, 5_000, 16
"""Examples sent through the network; looked at as data; sent through for measured slopes."""

LARGE_INPUT = 10.0
"""Root mean square of a column. Scaled inputs have 1 or less, pixels from 0 to 255 about 100. The
loss curves with the square of the inputs, so 10 asks for steps a hundred times shorter."""
SMALL_INPUT = 0.1
"""Largest size of any input. Scaled inputs reach 1; a tenth makes slopes a tenth as large."""
OFFSET = 10.0
"""Mean of the inputs in units of their spread, over columns. Digits on white paper have 3."""
FAR = 1_000.0
"""How many times the usual row's largest entry makes a row one of its own kind."""
FEW = 50
"""With fewer examples than this a unit may be silent for all of them, and a column constant."""
FEW_EACH = 5
"""Different examples a class, below which nothing general can be learned from many columns."""
MANY_COLUMNS = 50
"""Images and the like, whose rows do not repeat; a few columns of whole numbers may."""
REACH = 100
"""Rows by which labels are shifted in search of those that fit."""
NEIGHBOURS = 20
"""Nearest neighbours whose labels are counted."""
CERTAIN, PLAUSIBLE = 5.0, 3.0
"""Standard errors beyond which labels agree by no chance, and within which they may be unrelated.
One in a hundred sets of unrelated labels is beyond 3 in one of three measures; of 600 related ones
with a Bayes error of 35 %, one set in twenty stays within 3 in all."""
CONTRADICTED = ((0.7, 0.2), (0.4, 0.25))
"""Fraction of clear neighbourhoods, and of these with a centre of another label. On digits 0.8 are
clear; of these 0.08 are contradicted on clean digits, 0.23 to 0.27 where a fifth of the labels are
drawn at random. Where classes overlap, few are clear: 0.3 where as many as 0.3 are contradicted."""
TORN = 0.25
"""Fraction of the rows that are equal to others, most of which have another label."""
SORTED = 0.6
"""Classes in a batch of consecutive rows, as a fraction of what shuffled rows would have."""

FLAT = 0.05
"""A slope below a twentieth of its peak: a sigmoid beyond 0.0127 or 0.9873."""
MOST = 0.5
"""More than half: of a layer's units dead, of its outputs saturated. Fresh networks by the rules of
He and Xavier have a third at the very most, deep in a narrow network."""
OPEN = 0.95
"""Nearly all: units whose gate is open for every example."""
EXCESS = 2.5
"""Spread of the outputs beyond which a start is too loud; the rules give 0.5 to 1.5. Logits of
spread s cost cross-entropy about s²/2 more than knowing nothing, so this one 3 nats."""
LOUD = 100.0
"""A start this many times as costly as knowing nothing, for a loss that is no cross-entropy."""
LARGE_GAIN = 3.0
"""Root mean square of a layer's weights times the root of its inputs: 1.4 by He's rule, and by
Xavier's less. Twice He's rule doubles the signal in every layer."""
SMALL_GAIN = 0.35
"""A quarter of He's rule."""
SLOW_PACE = 1e-4
"""Norm of a gradient by the norm of its weights. Times a rate of 0.1 this moves the weights by a
hundred-thousandth a step."""
VANISHING = 1e-3
"""Pace of the slowest layer of weights in units of the fastest."""

AGREES = 1e-3
"""Relative difference of a backward and a measured slope: kinks and rounding stay far below."""
NEAR = 1e-5
"""How far along a direction rounding is looked for: many units move past many gaps between numbers
of float32 on the way, and hardly one past a kink."""
SAME_FACTOR = 0.02
"""Relative difference up to which slopes along several directions are off by one factor."""
TELLS = 0.01
"""Rounding of a slope, relative to it, above which it tells nothing. Where a layer computes in
float32 it is `gradient_check.TELLING`, or nothing would be told at all."""
ALIKE = 1e-9
"""Relative difference of the outputs of two units that are copies of each other."""
ALONE = 1e-3
"""Relative change of an example's outputs when it comes alone: rounding stays far below."""
SILENCED = 0.02
"""Fraction of outputs that a mask at least silences."""
HEAVY_DROPOUT = 0.8
"""Lesson 13 used 0.2 to 0.5."""
TURNED = 0.99
"""Cosine of an example's loss gradient before and after the other examples have changed."""

FALLS = 0.7
"""A trial that brings the loss below 0.7 of that of knowing nothing learns."""
STANDS = 0.97
"""A trial that leaves the loss above 0.97 of where it began does not."""
SLOW, FASTER = 0.65, (10.0, 30.0)
"""A trial that ends above 0.65 of the loss of knowing nothing, where one at 10 or 30 times the rate
ends below it, and at less than 0.65 of this one's loss. Where healthy networks end so high, such
rates end above 0.69."""
LEAPS = 5.0
"""The highest loss of a batch in a trial, beside that at the start or of knowing nothing. Healthy
rates reach 1.1, five times the best rate 2.6, ten times 8."""
LEARNED = 0.5
"""A loss below half of that of knowing nothing: the network has learned, so it could."""
LONG_MEMORY = 0.95
"""A momentum above it shows what it does only after more steps than a trial has."""
GROWS = 1.8
"""How many times step 2n is step n under one gradient. Adding up without end gives 2, a momentum of
0.99 gives 1.4 at n = 100."""
SAME_GRADIENTS = 200
"""Steps that an optimizer takes under one gradient."""
HEAVY_PENALTY = 3.0
"""What a penalty may cost, as a multiple of what learning can win."""
TRIAL_STEPS, TRIAL_BATCH = 50, 256
"""Length of a trial run, and the largest batch that it takes."""
MOST_OPERATIONS = 3e10
"""Multiplications that the trial runs may cost together: about a second."""
HEART_STEPS = 400
"""Steps of Adam in which ten examples are learned, if they can be."""
