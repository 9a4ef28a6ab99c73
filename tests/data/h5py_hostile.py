"""Writes containers that are wrong in one way each, into the folder named, and prints "FILE CODE WORDS" for each.

They are made with h5py, so the right ones also show that a container written by somebody else is read."""
import os
import sys

import h5py
import numpy as np

N = 12
folder = sys.argv[1]


def write(name, change=None, code=65, words=""):
    path = os.path.join(folder, name + ".h5")
    with h5py.File(path, "w") as f:
        f.attrs["format"] = "rebasis-data"
        f.attrs["version"] = 1
        f.attrs["name"] = "by h5py"
        f.attrs["provenance"] = "{}"
        f["split"] = np.arange(N, dtype="u1") % 3
        f["tasks/t/labels"] = np.arange(N, dtype="i4") % 4
        f["tasks/t/labels"].attrs["kind"] = "multiclass"
        f["tasks/t/labels"].attrs["classes"] = 4
        v = f.create_dataset("modalities/v/values", data=np.ones((N, 5), "f4"))
        v.attrs["kind"] = "vector"
        f["modalities/v/present"] = np.ones(N, "u1")
        g = f.create_group("modalities/c")
        g.attrs["kind"] = "codes"
        g.attrs["vocabulary"] = 9
        g["present"] = np.ones(N, "u1")
        g["offsets"] = np.arange(N + 1, dtype="i8") * 2
        g["codes"] = np.arange(2 * N, dtype="i4") % 9
        s = f.create_group("modalities/s")
        s.attrs["kind"] = np.bytes_("series")
        s["present"] = np.ones(N, "u1")
        s["offsets"] = np.arange(N + 1, dtype="i8")
        s["times"] = np.arange(N, dtype="f4")
        s["values"] = np.ones((N, 2), "f4")
        if change:
            change(f)
    print(name, code, words)


def replace(path, data, **options):
    def change(f):
        attributes = dict(f[path].attrs) if path in f else {}
        if path in f:
            del f[path]
        d = f.create_dataset(path, data=data, **options)
        for key, value in attributes.items():
            d.attrs[key] = value
    return change


def cell(path, index, value):
    def change(f):
        f[path][index] = value
    return change


def attribute(path, name, value):
    def change(f):
        f[path].attrs[name] = value
    return change


def remove(path):
    def change(f):
        del f[path]
    return change


def remove_attribute(path, name):
    def change(f):
        del f[path].attrs[name]
    return change


def link(path, what):
    def change(f):
        if path in f:
            del f[path]
        f[path] = what
    return change


V = "modalities/v/values"
write("right", code=0)
write("right_big_endian", replace(V, np.ones((N, 5), ">f4")), 0)
write("right_deflated", replace(V, np.ones((N, 5), "f4"), chunks=(4, 5), compression="gzip", shuffle=True, fletcher32=True), 0)
write("right_ids", lambda f: f.create_dataset("ids", data=["a%d" % i for i in range(N)], dtype=h5py.string_dtype()), 0)
write("right_fixed_ids", lambda f: f.create_dataset("ids", data=np.array(["b%d" % i for i in range(N)], "S7")), 0)
write("right_absent_nan", lambda f: (cell(V, 3, np.nan)(f), cell("modalities/v/present", 3, 0)(f)), 0)
write("right_unlabelled", cell("tasks/t/labels", 2, -1), 0)
write("right_no_tasks", remove("tasks"), 0)
write("right_narrow_series", replace("modalities/s/values", np.ones(N, "f4")), 0)
write("right_more", lambda f: f.create_dataset("mine", data=np.zeros(3, "c16")), 0)

write("no_format", remove_attribute("/", "format"), words="format")
write("other_format", attribute("/", "format", "rebasis-checkpoint"), words="rebasis-data")
write("version_2", attribute("/", "version", 2), words="version")
write("version_text", attribute("/", "version", "1"), words="version")
write("version_list", attribute("/", "version", [1, 1]), words="version")
write("no_split", remove("split"), words="/split")
write("split_range", cell("split", 5, 3), words="sample 5")
write("split_short", replace("split", np.zeros(N - 1, "u1")))
write("split_rank", replace("split", np.zeros((N, 2), "u1")), words="/split")
write("split_type", replace("split", np.zeros(N, "i8")), words="int64")
write("split_empty", replace("split", np.zeros(0, "u1")), words="/split")
write("split_scalar", replace("split", np.uint8(0)), words="/split")
write("split_null", replace("split", h5py.Empty("u1")), words="/split")
write("label_range", cell("tasks/t/labels", 7, 4), words="label 4")
write("label_minus_two", cell("tasks/t/labels", 7, -2), words="label -2")
write("label_float", replace("tasks/t/labels", np.zeros(N, "f4")), words="int32")
write("label_int64", replace("tasks/t/labels", np.zeros(N, "i8")), words="int32")
write("label_short", replace("tasks/t/labels", np.zeros(N - 1, "i4")), words="/tasks/t/labels")
write("label_kind", attribute("tasks/t/labels", "kind", "regression"), words="regression")
write("label_no_kind", remove_attribute("tasks/t/labels", "kind"), words="kind")
write("label_classes", attribute("tasks/t/labels", "classes", 1 << 40), words="classes")
write("label_binary", attribute("tasks/t/labels", "kind", "binary"), words="classes")
write("task_is_dataset", lambda f: (remove("tasks")(f), f.create_dataset("tasks", data=1)), words="/tasks")
write("no_modalities", remove("modalities"), words="/modalities")
write("nan", cell(V, (4, 2), np.nan), words="NaN")
write("infinite", cell(V, (4, 2), -np.inf), words="infinite")
write("value_type", replace(V, np.ones((N, 5), "f8")), words="float64")
write("value_half", replace(V, np.ones((N, 5), "f2")), words="float16")
write("value_compound", replace(V, np.zeros((N, 5), [("a", "f4"), ("b", "i4")])), words="compound")
write("value_enumeration", replace("modalities/v/present", np.ones(N, bool)), words="enumeration")
write("value_rank", replace(V, np.ones(N, "f4")), words="dimensions")
write("value_many", replace(V, np.ones((N, 1, 1, 1, 5), "f4")), words="dimensions")
write("value_rows", replace(V, np.ones((N + 1, 5), "f4")), words="rows")
write("value_no_width", replace(V, np.ones((N, 0), "f4")), words="rows")
write("value_image", attribute(V, "kind", "image"), words="image")
write("value_kind", attribute(V, "kind", "tensor"), words="tensor")
write("value_kind_number", attribute(V, "kind", 3), words="kind")
write("value_missing", remove("modalities/v"), 0)
write("value_gone", remove(V), words="kind")
write("present_missing", remove("modalities/v/present"), words="present")
write("present_range", cell("modalities/v/present", 1, 2), words="sample 1")
write("present_short", replace("modalities/v/present", np.ones(3, "u1")), words="present")
write("codes_range", cell("modalities/c/codes", 3, 9), words="codes")
write("codes_negative", cell("modalities/c/codes", 3, -1), words="codes")
write("codes_type", replace("modalities/c/codes", np.zeros(2 * N, "u4")), words="uint32")
write("codes_rank", replace("modalities/c/codes", np.zeros((N, 2), "i4")), words="nnz")
write("codes_vocabulary", attribute("modalities/c", "vocabulary", 0), words="vocabulary")
write("codes_no_vocabulary", remove_attribute("modalities/c", "vocabulary"), words="vocabulary")
write("offsets_first", cell("modalities/c/offsets", 0, 1), words="begin")
write("offsets_last", cell("modalities/c/offsets", N, 2 * N - 1), words="offsets")
write("offsets_beyond", cell("modalities/c/offsets", N, 2 * N + 1), words="offsets")
write("offsets_fall", cell("modalities/c/offsets", 4, 100), words="fall")
write("offsets_negative", cell("modalities/c/offsets", 4, -5), words="fall")
write("offsets_short", replace("modalities/c/offsets", np.zeros(N, "i8")), words="offsets")
write("offsets_type", replace("modalities/c/offsets", np.zeros(N + 1, "i4")), words="int64")
write("times_nan", cell("modalities/s/times", 1, np.nan), words="times")
write("times_short", replace("modalities/s/times", np.zeros(N - 1, "f4")), words="rows")
write("series_infinite", cell("modalities/s/values", (1, 1), np.inf), words="values")
write("series_rank", replace("modalities/s/values", np.zeros((N, 2, 2), "f4")), words="dimensions")
write("ids_short", lambda f: f.create_dataset("ids", data=["x"] * 3, dtype=h5py.string_dtype()), words="ids")
write("ids_numbers", lambda f: f.create_dataset("ids", data=np.zeros(N, "i4")), words="string")
write("name_dot", lambda f: f.move("modalities/v", "modalities/a.b"), words="a.b")
write("name_control", lambda f: f.move("modalities/v", "modalities/a\nb"), words="x0a")
write("name_long", lambda f: f.move("modalities/v", "modalities/" + "n" * 48), words="name")
write("hash_wrong", attribute(V, "xxh64", "0" * 16), words="xxh64")
write("hash_number", attribute(V, "xxh64", 7), words="xxh64")
write("hash_labels", attribute("tasks/t/labels", "xxh64", "123"), words="xxh64")

write("link_external", link(V, h5py.ExternalLink("/etc/passwd", "/")), words="external link")
write("link_external_split", link("split", h5py.ExternalLink("right.h5", "/split")), words="external link")
write("link_external_group", link("modalities/v", h5py.ExternalLink("right.h5", "/modalities/v")), words="external link")
write("link_soft", lambda f: (remove("split")(f), link("split", h5py.SoftLink("/modalities/v/present"))(f)), words="soft link")
write("link_soft_loop", lambda f: (remove("split")(f), link("split", h5py.SoftLink("/split"))(f)), words="soft link")
write("link_hard_loop", lambda f: (f["modalities"].__setitem__("loop", f["modalities"])), words="kind")


def external(f):
    del f[V]
    d = f.create_dataset(V, (N, 5), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
    d.attrs["kind"] = "vector"


def virtual(f):
    del f[V]
    layout = h5py.VirtualLayout((N, 5), "f4")
    layout[:] = h5py.VirtualSource("right.h5", V, (N, 5))
    d = f.create_virtual_dataset(V, layout)
    d.attrs["kind"] = "vector"


def huge(shape, **options):
    def change(f):
        del f[V]
        d = f.create_dataset(V, shape, "f4", **options)
        d.attrs["kind"] = "vector"
    return change


write("external_storage", external, words="another file")
write("virtual", virtual, words="virtual")
write("filter_lzf", replace(V, np.ones((N, 5), "f4"), chunks=(4, 5), compression="lzf"), words="filter")
write("filter_offset", replace("modalities/c/codes", np.zeros(2 * N, "i4"), chunks=(4,), scaleoffset=0), words="filter")
write("huge_contiguous", huge((N, 1 << 28)), words="holds only 0")
write("huge_deflated", huge((N, 1 << 28), chunks=(1, 1 << 12), compression="gzip"), words="holds only 0")
write("huge_width", huge((N, 1 << 32), chunks=(1, 1 << 12)), words="holds only")
write("huge_product", huge((1 << 31, 1 << 31), chunks=(1, 1 << 12)), words="impossible")
write("huge_chunk", huge((N, 5), chunks=(1 << 10, 1 << 17), maxshape=(None, None)), words="chunks")


def samples(f):
    for path in list(f):
        del f[path]
    f.create_dataset("split", (1 << 50,), "u1", chunks=(1 << 16,))


write("huge_samples", samples, words="split")
