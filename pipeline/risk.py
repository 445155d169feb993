"""Abstention: how often labels are wrong when only the surest are given, and the confidence below which none is given.

Layer 0. Risk is the share of wrong labels among those given, coverage the share given (El-Yaniv and Wiener 2010, On the Foundations of
Noise-free Selective Classification).
"""

import numpy as np

NEVER = 2.0  # a threshold that no confidence reaches


def risk_curve(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (distinct confidences x 3): threshold, coverage and risk of the labels at least that sure, surest first."""
    order = np.argsort(-confidence, kind="stable")
    given = np.arange(1, len(order) + 1)
    risk = np.cumsum(~right[order]) / given
    sure = confidence[order]
    last = np.append(sure[1:] != sure[:-1], True) if len(sure) else np.zeros(0, bool)  # equal confidences are given together
    return np.asarray(np.column_stack([sure, given / max(1, len(order)), risk])[last])


def threshold_for(confidence: np.ndarray, right: np.ndarray, target: float) -> float:
    """Return the threshold of the largest coverage whose risk is at most `target`; `NEVER` if none is."""
    curve = risk_curve(confidence, right)
    within = curve[curve[:, 2] <= target]
    return float(within[-1, 0]) if len(within) else NEVER


def area_under(curve: np.ndarray) -> float:
    """Return the mean risk over all coverages (AURC, Geifman et al. 2019); 0 is perfect."""
    steps = np.diff(curve[:, 1], prepend=0.0)
    return float((steps * curve[:, 2]).sum())
