"""What pairs of figures say about their ratio: the median, how far it can be trusted, and the noise around it.

    python3 -m doctest benches/ratios.py
"""

import math
import statistics


def median_interval(values, confidence=0.95):
    """(low, high, coverage): the narrowest pair of order statistics that holds the true median with that confidence.

    It assumes nothing of the distribution but that the values are independent, and draws no random numbers: each value
    lies below the true median with probability 1/2, so the ranks follow the binomial distribution. Fewer than six
    values cannot reach 95 %: then it is all of them, and the coverage says what that is worth.

    >>> low, high, coverage = median_interval(range(1, 12))
    >>> low, high, round(coverage, 4)
    (2, 10, 0.9883)
    >>> median_interval([5, 1, 3])
    (1, 5, 0.75)
    >>> median_interval([7])
    (7, 7, 0.0)
    """
    values = sorted(values)
    count = len(values)
    # Outside of the ranks 1 and n lie 2 of the 2^n cases, outside of 2 and n - 1 these and 2 n more, and so on.
    outside, rank = 2, 1
    while 2 * (rank + 1) < count + 1:
        wider = outside + 2 * math.comb(count, rank)
        if 1 - wider / 2 ** count < confidence:
            break
        outside, rank = wider, rank + 1
    return values[rank - 1], values[count - rank], 1 - outside / 2 ** count


def compare_pairs(old, new):
    """The figures of one measure: `old[i]` and `new[i]` were taken one directly after the other.

    >>> found = compare_pairs([100, 200, 400], [110, 200, 480])
    >>> found['ratio'], found['min'], found['max'], found['old'], found['new']
    (1.1, 1.0, 1.2, 200, 200)
    """
    ratios = [after / before for before, after in zip(old, new, strict=True)]
    low, high, coverage = median_interval(ratios)
    return {
        'old': statistics.median(old), 'new': statistics.median(new), 'ratio': statistics.median(ratios),
        'low': low, 'high': high, 'coverage': coverage, 'min': min(ratios), 'max': max(ratios),
        'pairs': len(ratios),
    }
