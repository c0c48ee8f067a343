"""Main effects and interactions of the three parts, a 2 x 2 x 2 design in which every source is a block.

The effect of a part is the mean gain of adding it, over the four subsets of the others; the interaction of two parts is
half of what one gains more with the other than without it, and of three half of the difference of such interactions, as
in Box, Hunter and Hunter, Statistics for Experimenters (2005), chapter 5.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from equipoise.experiments.scores import METRICS
from equipoise.experiments.statistics import t_interval, wilcoxon_holm
from equipoise.experiments.tables import Tables, by_family
from equipoise.text import count_of, number, p_value
from equipoise_reproductions.together.design import ARMS, CORRECTED, NATURAL, PARTS, SCORED, TWICE, read

TERMS = tuple("+".join(chosen) for n in (1, 2, 3) for chosen in combinations(PARTS, n))
"""Main effects, interactions of two, and that of all three, each named by its parts."""
