#!/usr/bin/python3
"""Random cases for include/metrics with the values that scikit-learn, scipy and numpy give, for tests/metrics/oracle.c.

    tools/oracle/metrics.py [--seed N] [--cases N]

Each line of the output is a case: its kind, then arrays as "count value value …"; the last array holds the expected
values. Numbers are written so that they read back to the same double; logits and features are exact floats.
Ends with 77 when a library is missing."""
import argparse
import sys
import warnings

try:
    import numpy as np
    import scipy
    import scipy.stats as stats
    import sklearn
    import sklearn.linear_model as linear
    import sklearn.metrics as sk
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)


def write(kind, *arrays):
    text = [kind]
    for array in arrays:
        flat = np.atleast_1d(np.asarray(array, dtype=np.float64)).ravel()
        text.append(str(flat.size))
        text += [repr(float(value)) for value in flat]
    print(" ".join(text))


def logits_and_labels(rng, outputs, classes):
    n = int(rng.integers(classes * 3, 200))
    label = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    rng.shuffle(label)
    logits = rng.normal(size=(n, outputs)) * rng.choice([0.3, 1, 5])
    if rng.random() < 0.4:
        logits = np.round(logits, 1)  # ties
    if outputs == 1:
        logits[:, 0] += (label * 2 - 1) * rng.uniform(0, 1)
    else:
        logits[np.arange(n), label] += rng.uniform(0, 1)
    return logits.astype(np.float32), label


def calibration_error(probability, label, bins):
    confidence, predicted = probability.max(1), probability.argmax(1)
    edges, error = np.linspace(0, 1, bins + 1), 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs((predicted[inside] == label[inside]).mean() - confidence[inside].mean())
    return error


def classification(rng):
    classes = int(rng.integers(2, 8))
    logits, label = logits_and_labels(rng, classes, classes)
    predicted = logits.argmax(1)
    probability = scipy.special.softmax(logits.astype(np.float64), axis=1)
    names = np.arange(classes)
    write("classification", [classes], logits, label,
          [sk.accuracy_score(label, predicted), sk.f1_score(label, predicted, average="macro", zero_division=0),
           sk.log_loss(label, probability, labels=names, eps=1e-300), calibration_error(probability, label, 15),
           *sk.recall_score(label, predicted, labels=names, average=None)])
    rank = lambda measure: np.mean([measure(label == c, probability[:, c]) for c in names])
    auroc = sk.roc_auc_score(label, probability, multi_class="ovr") if classes > 2 else rank(sk.roc_auc_score)
    write("macro", [classes], logits, label, [auroc, rank(trapezoid), rank(sk.average_precision_score)])


def trapezoid(label, score):
    precision, recall, _ = sk.precision_recall_curve(label, score)
    return sk.auc(recall, precision)


def binary(rng):
    logit, label = logits_and_labels(rng, 1, 2)
    positive = scipy.special.expit(logit[:, 0].astype(np.float64))
    write("binary", logit, label,
          [sk.roc_auc_score(label, logit[:, 0]), trapezoid(label, logit[:, 0]), sk.average_precision_score(label, logit[:, 0]),
           sk.log_loss(label, positive, eps=1e-300),
           calibration_error(np.stack([1 - positive, positive], 1), label, 10),
           sk.accuracy_score(label, logit[:, 0] > 0), sk.f1_score(label, logit[:, 0] > 0, average="macro", zero_division=0)])
    # A resample: scikit-learn with each sample repeated as often as it counts.
    count = rng.multinomial(label.size, np.full(label.size, 1 / label.size))
    repeated, scores = np.repeat(label, count), np.repeat(logit[:, 0], count)
    if repeated.min() != repeated.max():
        write("resample", logit, label, count, [sk.roc_auc_score(repeated, scores), trapezoid(repeated, scores),
                                                sk.average_precision_score(repeated, scores)])


def wilcoxon(rng):
    n = int(rng.integers(1, 90))
    a, b = rng.normal(size=n), rng.normal(size=n) + rng.choice([0, 0.5])
    if rng.random() < 0.5:
        a, b = np.round(a, 1), np.round(b, 1)  # ties and zeros
    d = a - b
    d = d[d != 0]
    if d.size == 0:
        return
    exact = d.size <= 50 and np.unique(np.abs(d)).size == d.size
    result = stats.wilcoxon(d, zero_method="wilcox", correction=not exact, mode="exact" if exact else "approx")
    write("wilcoxon", a, b, [result.statistic, result.pvalue, float(exact)])


def holm(rng):
    p = rng.uniform(0, 1, int(rng.integers(1, 12))) ** rng.integers(1, 6)
    adjusted = [max(min(1, p[j] * np.sum(p >= p[j])) for j in range(p.size) if p[j] <= p[i]) for i in range(p.size)]
    write("holm", p, adjusted)


def summary(rng):
    value, level = rng.normal(size=int(rng.integers(2, 30))) * 10 + 3, float(rng.choice([0.5, 0.9, 0.95, 0.999]))
    error = stats.sem(value)
    write("summary", [level], value, [value.mean(), value.std(ddof=1), error,
                                      *stats.t.interval(level, value.size - 1, loc=value.mean(), scale=error)])
    n = int(rng.integers(1, 2000))
    right = int(rng.choice([0, n, rng.integers(0, n + 1)]))
    interval = stats.binomtest(right, n).proportion_ci(level, method="wilson")
    write("wilson", [level], [right, n], [interval.low, interval.high])
    probability, freedom = float(rng.uniform(1e-6, 1 - 1e-6)), float(np.exp(rng.uniform(-1, 8)))
    write("quantile", [probability, freedom], np.sort(value),
          [np.quantile(value, probability), stats.norm.ppf(probability), stats.t.ppf(probability, freedom)])


def representation(rng):
    n, d, dy = int(rng.integers(20, 60)), int(rng.integers(2, 9)), int(rng.integers(1, 9))
    x = (rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5).astype(np.float32)
    y = (x[:, :1] * rng.normal() + rng.normal(size=(n, dy))).astype(np.float32)
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    vif = np.diag(np.linalg.inv(np.corrcoef(x64.T)))
    write("vif", [n, d], x, [vif.mean(), *vif])
    xc, yc = x64 - x64.mean(0), y64 - y64.mean(0)
    # By the Gram matrices [n, n]: another road than the one of src/metrics.
    kx, ky = xc @ xc.T, yc @ yc.T
    write("cka", [n, d, dy], x, y, [np.sum(kx * ky) / np.sqrt(np.sum(kx * kx) * np.sum(ky * ky))])
    keep = int(rng.integers(1, d + 1))
    matrix = rng.normal(size=(n, keep)) @ rng.normal(size=(keep, d))
    s = np.linalg.svd(matrix, compute_uv=False)
    write("ranks", [n, d], s, [np.linalg.matrix_rank(matrix), np.exp(stats.entropy(s / s.sum())),
                               np.linalg.norm(matrix) ** 2 / np.linalg.norm(matrix, 2) ** 2,
                               s.max() * max(n, d) * np.finfo(np.float64).eps])


def layer(rng):
    widths = rng.integers(1, 7, int(rng.integers(1, 5)))
    out, edges = int(rng.integers(1, 12)), np.concatenate([[0], np.cumsum(widths)])
    w = rng.normal(size=(out, edges[-1])).astype(np.float32)
    if rng.random() < 0.3:
        w[:, 0] = 0  # an input nobody reads
    gram = w.astype(np.float64).T @ w
    squares, own = gram ** 2, np.diag(gram)
    owner = np.repeat(np.arange(widths.size), widths)
    sums = np.where(own > 0, squares.sum(1), 1)
    blocks = np.add.reduceat(w[0].astype(np.float64) ** 2, edges[:-1])
    write("layer", [out], edges, w, [*np.where(own > 0, own ** 2 / sums, 0), *((squares * (owner[:, None] != owner)).sum(1) / sums),
                                     *gram.ravel(), stats.entropy(blocks) if blocks.sum() > 0 else -1])


def logistic(rng):
    n, d, classes = int(rng.integers(30, 80)), int(rng.integers(1, 6)), int(rng.integers(2, 5))
    label = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    x = (rng.normal(size=(n, d)) * rng.uniform(0.1, 9, d) + rng.normal(size=(classes, d))[label] * 2 + 3).astype(np.float32)
    penalty = float(10 ** rng.uniform(-2, 0))
    scaled = (x.astype(np.float64) - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)
    model = linear.LogisticRegression(C=1 / (n * penalty), tol=1e-10, max_iter=100000, multi_class="multinomial").fit(scaled, label)
    loss = sk.log_loss(label, model.predict_proba(scaled))
    write("logistic", [classes, d, penalty], x, label, [loss + penalty / 2 * np.sum(model.coef_ ** 2) * (2 if classes == 2 else 1), loss])


def cka_of(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def resampled(rng):
    """Jackknife of CKA by leaving the samples out, and Spearman's correlation."""
    n, dx, dy, groups = int(rng.integers(24, 60)), int(rng.integers(1, 7)), int(rng.integers(1, 7)), int(rng.integers(2, 9))
    x = (rng.normal(size=(n, dx)) + 5).astype(np.float32)
    y = (x[:, :1] * rng.normal() + rng.normal(size=(n, dy))).astype(np.float32)
    x64, y64, index = x.astype(np.float64), y.astype(np.float64), np.arange(n)
    edges = [n * g // groups for g in range(groups + 1)]
    rest = [(index < low) | (index >= high) for low, high in zip(edges[:-1], edges[1:])]
    without = np.array([cka_of(x64[keep], y64[keep]) for keep in rest])
    value, level = cka_of(x64, y64), float(rng.choice([0.5, 0.95]))
    half = stats.t.ppf(0.5 + level / 2, groups - 1) * np.sqrt((groups - 1) * without.var())
    write("jackknife", [n, dx, dy, groups, level], x, y, [value, value - half, value + half])
    a, b = np.round(rng.normal(size=n), 1), np.round(rng.normal(size=n), 1)
    b = b + a * rng.normal()
    r = stats.spearmanr(a, b).statistic
    half = stats.norm.ppf(0.5 + level / 2) * 1.03 / np.sqrt(n - 3)
    write("spearman", [level], a, b, [r, np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--cases", type=int, default=60, help="of each kind")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"# seed {options.seed}, numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}")
    rng = np.random.default_rng(options.seed)
    for _ in range(options.cases):
        for make in (classification, binary, wilcoxon, holm, summary, representation):
            make(rng)
    rng = np.random.default_rng(options.seed + 1)
    for _ in range(options.cases):
        for make in (layer, logistic, resampled):
            make(rng)


if __name__ == "__main__":
    main()
