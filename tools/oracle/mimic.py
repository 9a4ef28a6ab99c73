#!/usr/bin/env python3
"""Holds an imported MIMIC-IV file against the tables, by rules stated a second time here: mimic.py FILE.h5 DIR LABEVENTS.

Silent and 0 when right. The rules are those of include/data/mimic.h. LABEVENTS has no column hadm_id: it is joined by time of stay.
The split is taken from the file, and checked for what it promises; everything else is made anew.
"""
import collections
import csv
import datetime
import gzip
import json
import math
import sys

import h5py
import numpy as np

LABS = "Hematocrit Platelet WBC Bilirubin pH Bicarbonate Creatinine Lactate Potassium Sodium".split()


def require(condition, text):
    if not condition:
        sys.exit(f"mimic.py: {text}")


def table(path):
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def time(text):
    return datetime.datetime.fromisoformat(text) if text else None


def cohort(folder):
    """Members in order, and all stays by patient."""
    patients = {p["subject_id"]: p for p in table(f"{folder}/hosp/patients.csv.gz")}
    stays = collections.defaultdict(list)
    for a in table(f"{folder}/hosp/admissions.csv.gz"):
        a["in"], a["out"] = time(a["admittime"]), time(a["dischtime"])
        stays[a["subject_id"]].append(a)
    members, excluded = [], collections.Counter()
    for subject in sorted(stays, key=int):
        stays[subject].sort(key=lambda a: (a["in"], int(a["hadm_id"])))
        patient = patients[subject]
        for a, after in zip(stays[subject], stays[subject][1:] + [None]):
            a["age"] = int(patient["anchor_age"]) + a["in"].year - int(patient["anchor_year"])
            a["gender"] = patient["gender"]
            if a["out"] - a["in"] > datetime.timedelta(days=10):
                excluded["excluded_over_10_days"] += 1
            elif not 18 <= a["age"] <= 89:
                excluded["excluded_by_age"] += 1
            elif a["hospital_expire_flag"] == "1":
                excluded["excluded_died_in_hospital"] += 1
            else:
                a["row"] = len(members)
                members.append(a)
            # datetime floors .days as wanted: -9 hours are day -1
            back = (after["in"] - a["out"]).days if after else None
            dead = (time(patient["dod"]) - a["out"]).days if patient["dod"] else None
            a["mortality"] = int(dead <= 90) if dead is not None else 0 if back is not None and back > 90 else -1
            a["readmission"] = int(back <= 15) if back is not None else -1
    return members, stays, excluded


def check_codes(file, name, sets):
    group = file["modalities"][name]
    words = [w.decode() for w in group["words"][:]]
    count = collections.Counter(w for s in sets for w in s)
    require(words == sorted(count, key=lambda w: (-count[w], w.encode())), f"{name}: the vocabulary differs")
    require(group.attrs["vocabulary"] == len(words), f"{name}: size of the vocabulary")
    offsets, codes = group["offsets"][:], group["codes"][:]
    for n, wanted in enumerate(sets):
        have = codes[offsets[n]:offsets[n + 1]].tolist()
        require(have == sorted(have) and {words[c] for c in have} == wanted, f"{name}: row {n} differs")
    require((group["present"][:] == [len(s) > 0 for s in sets]).all(), f"{name}: presence differs")


def code_sets(folder, name, members, word, when):
    by_id = {a["hadm_id"]: a for a in members}
    sets = [set() for _ in members]
    for row in table(f"{folder}/hosp/{name}.csv.gz"):
        a = by_id.get(row["hadm_id"])
        if a and (when is None or (row[when] and time(row[when]) <= a["out"])):
            sets[a["row"]].add(word(row))
    return sets


def check_demographics(file, members):
    columns = ["age"]
    for key, name in (("gender", "gender"), ("race", "race"), ("admission_type", "admission_type")):
        count = collections.Counter(a[key] for a in members)
        columns += [f"{name}={value}" for value in sorted(count, key=lambda v: (-count[v], v.encode()))]
    group = file["modalities/demographics"]
    require([c.decode() for c in group["columns"][:]] == columns, "demographics: columns differ")
    wanted = np.zeros((len(members), len(columns)), np.float32)
    for n, a in enumerate(members):
        wanted[n, 0] = a["age"] / 100
        for name in ("gender", "race", "admission_type"):
            wanted[n, columns.index(f"{name}={a[name]}")] = 1
    require((group["values"][:] == wanted).all() and group["present"][:].all(), "demographics: values differ")


def lab_values(folder, events, stays):
    """Item -> row -> [(time, value)] in the order of the table."""
    label = {r["itemid"]: r["label"] for r in table(f"{folder}/hosp/d_labitems.csv.gz") if any(w in r["label"] for w in LABS)}
    values = collections.defaultdict(lambda: collections.defaultdict(list))
    for row in table(events):
        if row["itemid"] not in label or not row["valuenum"] or not row["charttime"]:
            continue
        when = time(row["charttime"])
        around = [a for a in stays[row["subject_id"]] if a["in"] <= when <= a["out"]]
        if around and "row" in around[-1]:
            values[row["itemid"]][around[-1]["row"]].append((when, float(row["valuenum"])))
    return label, values


def check_labs(file, folder, events, members, stays):
    label, values = lab_values(folder, events, stays)
    train = file["split"][:] == 0
    columns, wanted = [], []
    for item in sorted(values, key=int):
        seen = [v for row, list_of in values[item].items() if train[row] for _, v in list_of]
        if len(seen) < 2 or min(seen) == max(seen):
            continue
        mean = math.fsum(seen) / len(seen)
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in seen) / (len(seen) - 1))
        block = np.zeros((len(members), 4))
        for row, list_of in values[item].items():
            last = max(enumerate(list_of), key=lambda e: (e[1][0], e[0]))[1][1]
            block[row] = (last - mean) / deviation, (sum(v for _, v in list_of) / len(list_of) - mean) / deviation, 0, 1
        columns += [f"{item} {label[item]}: {what}" for what in ("last", "mean", "abnormal", "observed")]
        wanted.append(block)
    group = file["modalities/labs"]
    require([c.decode() for c in group["columns"][:]] == columns, "labs: columns differ")
    wanted = np.concatenate(wanted, axis=1)
    difference = np.abs(group["values"][:] - wanted) / np.maximum(1, np.abs(wanted))
    require(difference.max() < 1e-6, f"labs: values differ by {difference.max()}")
    require((group["present"][:] == wanted.any(axis=1)).all(), "labs: presence differs")


def check_split(file, members, made):
    split, subject = file["split"][:], file["ids"][:]
    both = {s for s in subject[split == 0]} & {s for s in subject[split == 2]}
    require(made["counts"]["patients_in_training_and_test"] == len(both), "count of patients in both splits")
    share = made["parameters"]
    if share["split"] == "patient":
        for s in set(subject):
            require(len(set(split[subject == s])) == 1, f"patient {s} is in several splits")
        return
    stratum = np.array([3 * a["mortality"] + a["readmission"] for a in members])
    for s in set(stratum):
        size = (stratum == s).sum()
        for code, part in ((1, share["validation"]), (2, share["test"])):
            require(abs((split[stratum == s] == code).sum() - part * size) <= 0.5, f"split {code} of stratum {s}")


def main():
    path, folder, events = sys.argv[1:]
    with h5py.File(path) as file:
        made = json.loads(file.attrs["provenance"])
        members, stays, excluded = cohort(folder)
        require([i.decode() for i in file["ids"][:]] == [a["subject_id"] for a in members], "the cohort differs")
        for task in ("mortality", "readmission"):
            require(file["tasks"][task]["labels"][:].tolist() == [a[task] for a in members], f"{task}: labels differ")
        require(all(made["counts"][k] == n for k, n in excluded.items()), f"exclusions: {excluded}")
        check_split(file, members, made)
        icd = lambda row: f"ICD{row['icd_version']}:{row['icd_code'].strip()}"
        check_codes(file, "diagnoses", code_sets(folder, "diagnoses_icd", members, icd, None))
        check_codes(file, "procedures", code_sets(folder, "procedures_icd", members, icd, "chartdate"))
        drug = lambda row: row["drug"].strip(" ").lower()
        check_codes(file, "medication", code_sets(folder, "prescriptions", members, drug, "starttime"))
        check_demographics(file, members)
        check_labs(file, folder, events, members, stays)


main()
