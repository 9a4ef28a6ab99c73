#!/usr/bin/env bash
# What collect writes is what the run directories say, its intervals and tests are SciPy's, gaps are named, and status counts right.
# timeout: 120
set -euo pipefail
rebasis=$1
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import h5py, numpy, scipy' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [[ -z $python ]]; then
  echo "Python with h5py and SciPy is not here"
  exit 77
fi
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

cat >s.yaml <<'YAML'
base: {data: {file: d.h5}, modalities: {a: {}, b: {}}}
zip: {method.type: [vanilla, kd, ebr], missingness.fill: [zero, zero, mean]}
sweep: {missingness.train: [0.0, 0.5]}
repeats: 7
YAML
expect 66 0 'runs: No such file' sweep collect s.yaml --out w
expect 0 0 '42 runs' sweep plan s.yaml
expect 0 0 '"runs": 42' sweep plan s.yaml --dry-run --json
cp out plan.json

# Run directories made by hand: three gaps, one of them a failure, one a run that was cut.
cat >make.py <<'PY'
import json, os, numpy
random = numpy.random.default_rng(5)
def scores(level):
    accuracy = float(numpy.round(level + random.normal(0, 0.02), 3))
    return {"n": 100, "mask_xxh64": "0" * 16, "accuracy": accuracy, "accuracy_ci": [accuracy - 0.1, accuracy + 0.1], "loss": 1.5,
            "auroc": accuracy / 2, "auprc": None, "average_precision": 0.5, "macro_f1": 0.25, "calibration_error": 0.125}
for k, run in enumerate(json.load(open("plan.json"))["run"]):
    if k == 8:
        continue
    folder = "w/runs/" + run["id"]
    os.makedirs(folder)
    open(folder + "/config.yaml", "w").write("{}\n")
    if k == 20:
        open(folder + "/state.json", "w").write(json.dumps({"state": "failed", "code": 70, "cause": "a \"cause\", with commas", "final": True, "attempts": 2, "step": 3}))
        continue
    if k == 30:
        open(folder + "/metrics.jsonl", "w").write('{"step":9,"epoch":4,"split":"train"}\n{"step":1')
        continue
    bonus = {"vanilla": 0, "kd": 0.03, "ebr": 0.001}[run["values"]["method.type"]]
    json.dump({"state": "done", "seconds": 2.0, "step": 12, "parameters_xxh64": "12"}, open(folder + "/run.json", "w"))
    evaluation = {"patterns": [{**scores(0.9 + bonus), "present": ["a", "b"]}, {**scores(0.6), "present": ["a"]}],
                  "rates": [{**scores(0.8 + bonus - rate), "rate": rate, "modality": m} for rate in (0.0, 0.4) for m in ("all", "b")]}
    json.dump(evaluation, open(folder + "/evaluation.json", "w"))
PY
"$python" make.py
expect 0 0 '39 of 42 done' sweep status s.yaml --out w
grep -q '0 running, 1 interrupted, 1 missing, 1 failed for good, 0 failed once' out || fail "other counts"
grep -q 'a "cause", with commas (exit code 70 at step 3, begun 2 times)' out || fail "no cause"
expect 0 0 '3 runs have no scores' sweep collect s.yaml --out w
"$rebasis" sweep collect s.yaml --out w --json >summary.json 2>err

cat >check.py <<'PY'
import csv, json, h5py, numpy, scipy.stats
plan = json.load(open("plan.json"))["run"]
truth = {}
for run in plan:
    try:
        truth[run["id"]] = json.load(open("w/runs/" + run["id"] + "/evaluation.json"))
    except FileNotFoundError:
        pass
rows = list(csv.DictReader(open("w/results.csv")))
assert len(rows) == 39 * 6 + 3, len(rows)
assert set(rows[0]) >= {"id", "method.type", "missingness.fill", "missingness.train", "run.seed", "state", "accuracy"}, rows[0]
states = {}
for row in rows:
    states[row["id"]] = row["state"]
    if row["id"] not in truth:
        assert row["accuracy"] == "" and row["kind"] == "", row
        continue
    found = truth[row["id"]]
    if row["kind"] == "pattern":
        want = [p for p in found["patterns"] if "+".join(p["present"]) == row["pattern"]]
    else:
        want = [r for r in found["rates"] if r["modality"] == row["pattern"] and r["rate"] == float(row["rate"])]
    assert len(want) == 1 and float(row["accuracy"]) == want[0]["accuracy"] and row["auprc"] == "", row
    assert abs(float(row["accuracy_low"]) - want[0]["accuracy_ci"][0]) < 1e-9, row
assert [states[plan[k]["id"]] for k in (8, 20, 30)] == ["missing", "failed", "interrupted"]
by = {(r["values"]["method.type"], r["values"]["missingness.train"], r["values"]["run.seed"]): truth.get(r["id"]) for r in plan}
full = lambda e: e["patterns"][0]["accuracy"]
curve = lambda e: numpy.mean([r["accuracy"] for r in e["rates"] if r["modality"] == "all"])

with h5py.File("w/results.h5") as file:
    ids = [i.decode() for i in file["run/id"][:]]
    assert ids == [r["id"] for r in plan]
    accuracy = file["scores/accuracy"]
    assert accuracy.shape == (42, 6) and accuracy.dims[0][0].name == "/run/id" and accuracy.dims[1].label == "pattern"
    assert file["run/seconds"].attrs["units"] in (b"s", "s") and list(file["run/keys/run.seed"][:7]) == [1, 2, 3, 4, 5, 6, 7]
    for i, id in enumerate(ids):
        assert numpy.isnan(accuracy[i]).all() if id not in truth else accuracy[i, 0] == full(truth[id]), id

summary = json.load(open("summary.json"))
assert summary["states"] == {"missing": 1, "running": 0, "interrupted": 1, "failed": 1, "done": 39}, summary["states"]
assert summary["failures"][0]["cause"] == 'a "cause", with commas' and len(summary["gaps"]) == 3
assert len(summary["groups"]) == 6
for group in summary["groups"]:
    method, rate = group["values"]["method.type"], group["values"]["missingness.train"]
    for key, of in (("complete", full), ("curve", curve)):
        values = [of(e) for (m, r, s), e in by.items() if (m, r) == (method, rate) and e]
        got, n = group[key], len(values)
        half = scipy.stats.t.ppf(0.975, n - 1) * numpy.std(values, ddof=1) / n ** 0.5
        assert got["n"] == n and abs(got["mean"] - numpy.mean(values)) < 1e-9 and abs(got["high"] - got["mean"] - half) < 1e-8, (got, half)
tests = summary["tests"]
assert len(tests) == 3 * 3 * 2, len(tests)
for test in tests:
    of = curve if test["of"] == "mean over rates" else full
    a, b = [], []
    for (m, r, s), e in by.items():
        other = by[(test["b"], r, s)]
        if m == test["a"] and e and other and test["where"] in ("all together", "missingness.train: " + r):
            a.append(of(e)), b.append(of(other))
    a, b = numpy.array(a), numpy.array(b)
    assert test["difference"]["n"] == len(a) and abs(test["difference"]["mean"] - numpy.mean(a - b)) < 1e-9, test
    size = numpy.round(numpy.abs(a - b), 9)
    if (size > 0).all() and len(set(size)) == len(size): # without ties SciPy is exact too
        want = scipy.stats.wilcoxon(a, b, mode="exact").pvalue
        assert abs(test["p"] - want) < 1e-9, (test, want)
order = sorted(tests, key=lambda t: t["p"])
running = 0
for k, test in enumerate(order):
    running = max(running, min(1, test["p"] * (len(order) - k)))
    assert abs(test["p_holm"] - running) < 1e-9, test
best = summary["groups"][summary["best"]["complete"][0]]
assert best["complete"]["mean"] == max(g["complete"]["mean"] for g in summary["groups"])
PY
"$python" check.py || fail "other numbers than Python's"

# The page: well-formed, nothing fetched, and the numbers above in it.
mkdir w/runs/0123456789abcdef
"$rebasis" sweep status w | grep -q '1 directories in w/runs are of no run' || fail "a strange directory is not told"
sed -i 's/with commas/<b>with<\/b> \& commas/' w/runs/*/state.json
expect 0 0 '^w/report.html$' report w
cat >page.py <<'PY'
import html.parser, json
class Reader(html.parser.HTMLParser):
    stack, words = [], ""
    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "link", "img", "iframe"), tag
        if tag not in ("meta", "br"):
            self.stack.append(tag)
    def handle_startendtag(self, tag, attributes): pass
    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, tag
    def handle_data(self, data): self.words += data
page = Reader()
page.feed(open("w/report.html").read())
assert not page.stack, page.stack
summary = json.load(open("w/summary.json"))
assert 'a "cause", <b>with</b> & commas' in page.words, "the failure's cause is missing or mangled"
assert "39 of 42" in page.words and page.words.count("vanilla − kd") == 6
for group in summary["groups"]:
    got = group["curve"]
    assert "%.3f ± %.3f" % (got["mean"], got["mean"] - got["low"]) in page.words, group["label"]
PY
"$python" page.py || fail "the page is not as it should be"
expect 64 0 "did you mean auroc" sweep collect s.yaml --out w --score aurok

# Where the first of keys that change together does not tell their values apart, the next one does, in names of groups and of what is tested.
cat >r.yaml <<'YAML'
base: {data: {file: d.h5}, modalities: {a: {}, b: {}}}
zip: {method.type: [vanilla, ebr, ebr], method.modalities: [[], [a], []], missingness.fill: [zero, mean, mean]}
repeats: 2
YAML
expect 0 0 '"runs": 6' sweep plan r.yaml --dry-run --json
cp out plan.json
cat >repeated.py <<'PY'
import json, os
for k, run in enumerate(json.load(open("plan.json"))["run"]):
    folder = "v/runs/" + run["id"]
    os.makedirs(folder)
    open(folder + "/config.yaml", "w").write("{}\n")
    json.dump({"state": "done", "seconds": 1.0, "step": 1, "parameters_xxh64": "1"}, open(folder + "/run.json", "w"))
    json.dump({"patterns": [{"present": ["a", "b"], "n": 9, "accuracy": k / 8}], "rates": []}, open(folder + "/evaluation.json", "w"))
PY
"$python" repeated.py
expect 0 0 'summary.json' sweep collect r.yaml --out v
expect 0 0 '^v/report.html$' report v
cat >repeated.py <<'PY'
import json
summary, names = json.load(open("v/summary.json")), {"vanilla, []", "ebr, [a]", "ebr, []"}
assert {group["label"] for group in summary["groups"]} == names, [group["label"] for group in summary["groups"]]
assert {test[side] for test in summary["tests"] for side in "ab"} == names, summary["tests"]
assert [key["names"] for key in summary["keys"]] == [True, True, False, False], summary["keys"]
page = open("v/report.html").read()
assert all(f">{name}</text>" in page for name in names), "a line has no name of its own"
PY
"$python" repeated.py || fail "values that change together are not told apart"
