"""Addressed random draws. In: seed, replication, borough, child, purpose. Out: uniforms, never 0 or 1.

Philox4x64-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"): key = (seed, 0),
counter = (replication, borough id, child number, purpose and spell). A draw depends on its address alone, so another
borough, child, worker or chunk changes no one's luck. Must not know: what the draws are for.

Plain scalar Python; the fast engine compiles the same text, but for `philox`, which it spells out in 64-bit words.
"""

from __future__ import annotations

import math

# A purpose is used at one place only (tests/test_draws.py). The low 8 bits of the fourth counter word are the
# purpose; the spell stands from bit 8, the pair of placements from bit 32.
ARRIVAL, PERSON, THERAPY, STAY, MOVE, SHOCK, SHARED_SHOCK, PARAMETER = 1, 2, 3, 4, 5, 6, 7, 9  # 8 is unused

MULTIPLIER_0 = 0xD2E7470EE14C6C93
MULTIPLIER_1 = 0xCA5A826395121157
WEYL_0 = 0x9E3779B97F4A7C15
WEYL_1 = 0xBB67AE8584CAA73B
MASK = 0xFFFFFFFFFFFFFFFF
WORD_BITS = 64
SECOND_KEYS = [(i * WEYL_1) & MASK for i in range(10)]  # the second half of the key starts at 0
HALF_ULP = 2.220446049250313e-16  # 2^-52


def word(value: int) -> int:
    """Return a whole number modulo 2^64."""
    return value & MASK


def philox(seed: int, replication: int, borough: int, child: int, purpose: int) -> tuple[int, int, int, int]:
    """Return the four words at an address: ten rounds of Philox4x64."""
    key_0 = word(seed)
    c0, c1, c2, c3 = word(replication), word(borough), word(child), word(purpose)
    for key_1 in SECOND_KEYS:
        wide_0, wide_1 = MULTIPLIER_0 * c0, MULTIPLIER_1 * c2
        c0, c1 = (wide_1 >> WORD_BITS) ^ c1 ^ key_0, wide_1 & MASK
        c2, c3 = (wide_0 >> WORD_BITS) ^ c3 ^ key_1, wide_0 & MASK
        key_0 = (key_0 + WEYL_0) & MASK
    return c0, c1, c2, c3


def uniform(bits: int) -> float:
    """Return ((word >> 12) + 0.5) / 2^52, which is never 0 or 1 and symmetric about one half."""
    return ((bits >> 12) + 0.5) * HALF_ULP


def uniforms(seed: int, replication: int, borough: int, child: int, purpose: int) -> tuple[float, float, float, float]:
    """Return the four uniforms at an address."""
    w0, w1, w2, w3 = philox(seed, replication, borough, child, purpose)
    return uniform(w0), uniform(w1), uniform(w2), uniform(w3)


def normal_quantile(u: float) -> float:
    """Return the standard normal score of u in (0, 1): algorithm AS 241, PPND16 (Wichura 1988), error about 1e-16."""
    q = u - 0.5
    if -0.425 <= q <= 0.425:
        r = 0.180625 - q * q
        return (
            q
            * (
                (
                    (
                        (
                            (
                                ((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
                                + 45921.953931549871457
                            )
                            * r
                            + 13731.693765509461125
                        )
                        * r
                        + 1971.5909503065514427
                    )
                    * r
                    + 133.14166789178437745
                )
                * r
                + 3.387132872796366608
            )
            / (
                (
                    (
                        (
                            (
                                ((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
                                + 21213.794301586595867
                            )
                            * r
                            + 5394.1960214247511077
                        )
                        * r
                        + 687.1870074920579083
                    )
                    * r
                    + 42.313330701600911252
                )
                * r
                + 1.0
            )
        )
    r = math.sqrt(-math.log(u if q < 0 else 1.0 - u))
    if r <= 5.0:
        r = r - 1.6
        x = (
            (
                (
                    (
                        (
                            ((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
                            + 1.27045825245236838258
                        )
                        * r
                        + 3.64784832476320460504
                    )
                    * r
                    + 5.7694972214606914055
                )
                * r
                + 4.6303378461565452959
            )
            * r
            + 1.42343711074968357734
        ) / (
            (
                (
                    (
                        (
                            ((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966)
                            * r
                            + 0.14810397642748007459
                        )
                        * r
                        + 0.68976733498510000455
                    )
                    * r
                    + 1.6763848301838038494
                )
                * r
                + 2.05319162663775882187
            )
            * r
            + 1.0
        )
    else:
        r = r - 5.0
        x = (
            (
                (
                    (
                        (
                            ((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386)
                            * r
                            + 0.026532189526576123093
                        )
                        * r
                        + 0.29656057182850489123
                    )
                    * r
                    + 1.7848265399172913358
                )
                * r
                + 5.4637849111641143699
            )
            * r
            + 6.6579046435011037772
        ) / (
            (
                (
                    (
                        (
                            ((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5)
                            * r
                            + 7.868691311456132591e-4
                        )
                        * r
                        + 0.0148753612908506148525
                    )
                    * r
                    + 0.13692988092273580531
                )
                * r
                + 0.59983220655588793769
            )
            * r
            + 1.0
        )
    return -x if q < 0 else x
