#!/usr/bin/python3
"""The peer: a PyTorch training script tuned as one would for a processor; prints one JSON line.

    tools/bench/peer.py --workload W1 [--threads N] [--ranks N] [--seconds S] [--forward] [--first-step]

Data in memory, a shuffled gather per batch, gradients set to none, denormals flushed, channels-last where it wins, bags of codes as
EmbeddingBag or as multi-hot products, a sample's candidates gathered from the memory bank or out of a product with all of it, four ways
to do Adam (PyTorch's loop and foreach; one flat block; one flat block in pieces that stay in cache): every combination is tried for a
moment and the fastest one is measured. With --ranks: DistributedDataParallel over gloo, the batch divided (batch norm not synchronised,
which favours the peer)."""
import argparse
import itertools
import json
import math
import os
import sys
import time

started = time.time()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--variant", help="e.g. flat-blocked,bags,contiguous: no search")
    parser.add_argument("--forward", action="store_true", help="forward passes only")
    parser.add_argument("--first-step", action="store_true", help="one step of training, then the end")
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


options = arguments()
os.environ.pop("OPENBLAS_CORETYPE", None)  # would force slower kernels than this processor has
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(options.threads)

import torch  # noqa: E402  after the thread counts
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

sys.dont_write_bytecode = True  # the source tree stays as it is
import workloads  # noqa: E402


class Bag(nn.Module):
    """Sum of rows of a weight [codes, out], plus a bias: a multi-hot row times the weight."""

    def __init__(self, vocabulary, out):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocabulary, out, mode="sum", include_last_offset=True)
        self.bias = nn.Parameter(torch.zeros(out))
        nn.init.uniform_(self.bag.weight, -vocabulary ** -0.5, vocabulary ** -0.5)

    def forward(self, x):
        return self.bag(x[1], x[0]) + self.bias


def stack(widths, last_relu=False, first=None):
    layers = []
    for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
        layers.append(first if i == 0 and first is not None else nn.Linear(a, b))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*(layers if last_relu else layers[:-1]))


def encoder_of(modality, bags):
    spec, shape = modality["encoder"], modality["shape"]
    if spec["type"] == "mlp":
        width = modality["vocabulary"] or shape[0]
        first = Bag(width, spec["hidden"][0]) if modality["vocabulary"] and bags else None
        return stack([width, *spec["hidden"], spec["out"]], first=first)
    if spec["type"] == "lenet":  # pooled before the activation: fewer elements
        return nn.Sequential(nn.Conv2d(1, 5, 5), nn.MaxPool2d(2), nn.ReLU(inplace=True), nn.Conv2d(5, 10, 5), nn.MaxPool2d(2),
                             nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(160, spec["out"]))
    layers, inputs, side = [], shape[0], shape[1]
    for channels in spec["channels"]:
        for _ in range(2):
            layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            inputs = channels
        layers.append(nn.MaxPool2d(2))
        side //= 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * side * side, spec["out"]))


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x.view_as(x)

    @staticmethod
    def backward(_, dx):
        return -dx


class Model(nn.Module):
    def __init__(self, workload, bags):
        super().__init__()
        self.names = list(workload["modalities"])
        self.encoders = nn.ModuleList(encoder_of(m, bags) for m in workload["modalities"].values())
        widths = [m["encoder"]["out"] for m in workload["modalities"].values()]
        self.outputs = 1 if workload["classes"] == 2 else workload["classes"]
        self.fusion = stack([sum(widths), *workload["fusion"], self.outputs])
        self.method = workload.get("method")
        if self.method:  # explicit basis reallocation
            hidden, latent = self.method["factor"], self.method["latent"]
            self.factor = nn.ModuleList(stack([w, *hidden, latent]) for w in widths)
            self.inverse = nn.ModuleList(stack([latent, *self.method["inverse"], w]) for w in widths)
            self.discriminator = stack([latent, *self.method["discriminator"], len(widths)])

    def forward(self, inputs, labels=None):
        u = [encoder(inputs[name]) for name, encoder in zip(self.names, self.encoders)]
        loss = 0
        if self.method:
            g = [h(x) for h, x in zip(self.factor, u)]
            u = [inverse(x) for inverse, x in zip(self.inverse, g)]
            if labels is not None:
                judged = self.discriminator(Reverse.apply(torch.cat(g)))  # one product for all modalities
                which = torch.arange(len(g)).repeat_interleave(g[0].shape[0])
                loss = F.cross_entropy(judged, which) * len(g)
        logits = self.fusion(torch.cat(u, 1))
        if labels is None:
            return logits
        if self.outputs == 1:
            return loss + F.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
        return loss + F.cross_entropy(logits, labels)


class Bank:
    """Contrast of x [rows, width] with a bank of unit vectors [n, width]: row k of `index` names the sample's own entry and its negatives."""

    def __init__(self, entries, negatives, temperature, whole):
        self.entries, self.temperature, self.whole = entries, temperature, whole
        self.c, self.z = negatives / entries.shape[0], None

    def contrast(self, x, index):
        if self.whole:
            dots = (x @ self.entries.t()).gather(1, index)
        else:
            rows = self.entries.index_select(0, index.view(-1)).view(*index.shape, -1)
            dots = torch.bmm(rows, x[:, :, None])[:, :, 0]
        scaled = dots * (1 / self.temperature)
        p = scaled.exp()
        if self.z is None:  # from the first batch, and fixed
            self.z = p.detach().mean()
            if torch.distributed.is_initialized():
                torch.distributed.all_reduce(self.z)
                self.z /= torch.distributed.get_world_size()
            self.z = float(self.z) * self.entries.shape[0]
        # -log(P0 / (P0 + c + e)) - sum of log(c / (Pk + c + e)), as one logarithm of each candidate
        more = torch.log(p * (1 / (self.z * self.c)) + (1 + 1e-7 / self.c)).sum()
        return more / x.shape[0] - scaled[:, 0].mean() + math.log(self.z * self.c)

    def remember(self, index, rows, momentum):
        self.entries[index] = F.normalize(momentum * self.entries[index] + (1 - momentum) * rows, dim=1)


class Distillation(nn.Module):
    """A student learns from its labels and, by contrast, from a frozen teacher."""

    def __init__(self, workload, bags, labels, whole):
        super().__init__()
        kd = workload["method"]["distillation"]
        (self.student,), (self.teacher,) = kd["student"], kd["teachers"]
        self.names, self.weight, self.momentum, self.negatives = [self.student, self.teacher], kd["crd"], kd["momentum"], kd["negatives"]
        self.encoders = nn.ModuleList(encoder_of(workload["modalities"][name], bags) for name in self.names)
        self.encoders[1].requires_grad_(False)
        out, width, n = workload["modalities"][self.student]["encoder"]["out"], kd["embedding"], labels.numel()
        self.outputs = 1 if workload["classes"] == 2 else workload["classes"]
        self.head = nn.Linear(out, self.outputs)
        self.embedding = nn.ModuleList(nn.Linear(workload["modalities"][name]["encoder"]["out"], width) for name in self.names)
        self.banks = [Bank(F.normalize(torch.randn(n, width), dim=1), self.negatives, kd["bank_temperature"], whole) for _ in self.names]
        self.by_class = torch.argsort(labels, stable=True)  # negatives of a class: all of this but one stretch
        self.own = torch.bincount(labels, minlength=workload["classes"])
        self.begin, self.news = self.own.cumsum(0) - self.own, None

    def candidates(self, index, labels):
        own, begin = self.own[labels][:, None], self.begin[labels][:, None]
        at = (torch.rand(index.numel(), self.negatives) * (self.by_class.numel() - own)).long()
        return torch.cat([index[:, None], self.by_class[at + (at >= begin) * own]], 1)

    def forward(self, inputs, labels=None, index=None, candidates=None):
        z = self.encoders[0](inputs[self.student])
        logits = self.head(z)
        if labels is None:
            return logits
        with torch.no_grad():
            taught = self.encoders[1](inputs[self.teacher])
        s, t = (F.normalize(embed(x), dim=1) for embed, x in zip(self.embedding, (z, taught)))
        candidates = self.candidates(index, labels) if candidates is None else candidates
        contrast = self.banks[1].contrast(s, candidates) + self.banks[0].contrast(t, candidates)
        self.news = index, s.detach(), t.detach()
        return self.weight * contrast + (F.binary_cross_entropy_with_logits(logits[:, 0], labels.float()) if self.outputs == 1
                                         else F.cross_entropy(logits, labels))

    def remember(self, ranks):
        """Banks of all ranks remember the whole batch."""
        index, s, t = self.news
        if ranks > 1:
            mine = torch.cat([s, t, index[:, None].float()], 1)
            rows = mine.new_empty(ranks * mine.shape[0], mine.shape[1])
            torch.distributed.all_gather(list(rows.chunk(ranks)), mine)
            s, t, index = rows[:, :s.shape[1]], rows[:, s.shape[1]:-1], rows[:, -1].long()
        for bank, rows in zip(self.banks, (s, t)):
            bank.remember(index, rows, self.momentum)


class FlatAdam:
    """Adam on one flat block: parameters and gradients are views of it; `piece` floats at a time."""

    def __init__(self, parameters, lr=1e-3, piece=None):
        parameters = list(parameters)
        total = sum(p.numel() for p in parameters)
        self.p, self.g, self.m, self.v = (torch.zeros(total) for _ in range(4))
        at = 0
        for p in parameters:
            self.p[at:at + p.numel()] = p.data.reshape(-1)
            p.data = self.p[at:at + p.numel()].view(p.shape)
            p.grad = self.g[at:at + p.numel()].view(p.shape)
            at += p.numel()
        self.lr, self.t = lr, 0
        pieces = [slice(i, min(i + (piece or total), total)) for i in range(0, total, piece or total)]
        self.pieces = [(self.p[s], self.g[s], self.m[s], self.v[s]) for s in pieces]
        self.root = torch.empty(min(piece or total, total))

    def zero_grad(self, set_to_none=True):
        del set_to_none
        self.g.zero_()

    @torch.no_grad()
    def step(self):
        self.t += 1
        first, second = 1 - 0.9 ** self.t, (1 - 0.999 ** self.t) ** 0.5
        for p, g, m, v in self.pieces:
            root = self.root[:p.numel()]
            m.lerp_(g, 0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            torch.sqrt(v, out=root)
            root.mul_(1 / second).add_(1e-8)
            p.addcdiv_(m, root, value=-self.lr / first)


def optimizer_of(kind, parameters):
    if kind in ("loop", "foreach"):
        return torch.optim.Adam(parameters, lr=1e-3, foreach=kind == "foreach")
    return FlatAdam(parameters, piece=1 << 16 if kind == "flat-blocked" else None)


class Batches:
    """Shuffled batches, gathered from memory; a rank takes its part of each."""

    def __init__(self, workload, samples, form, memory_format, rank, ranks):
        inputs, labels = workloads.arrays(workload, samples)
        self.labels = torch.from_numpy(labels).long()
        self.dense, self.bags = {}, {}
        for name, values in inputs.items():
            if not isinstance(values, tuple):
                self.dense[name] = torch.from_numpy(values)
                if values.ndim == 4 and memory_format == "channels-last":
                    self.dense[name] = self.dense[name].contiguous(memory_format=torch.channels_last)
                continue
            offsets, codes = (torch.from_numpy(x).long() for x in values)
            if form == "bags":
                self.bags[name] = (offsets, codes, offsets[1:] - offsets[:-1])
            else:
                hot = torch.zeros(samples, workload["modalities"][name]["vocabulary"])
                hot[torch.arange(samples).repeat_interleave(offsets[1:] - offsets[:-1]), codes] = 1
                self.dense[name] = hot
        self.batch, self.rank, self.ranks, self.names = workload["batch"], rank, ranks, set(inputs)
        self.order = iter(())

    def next(self):
        index = next(self.order, None)
        if index is None:
            order = torch.randperm(self.labels.numel())
            whole = order.numel() // self.batch * self.batch
            self.order = iter(order[:whole].view(-1, self.batch)[:, self.rank * self.batch // self.ranks:
                                                                 (self.rank + 1) * self.batch // self.ranks])
            index = next(self.order)
        inputs = {name: values[index] for name, values in self.dense.items() if name in self.names}
        for name, (offsets, codes, lengths) in self.bags.items():
            if name not in self.names:
                continue
            length = lengths[index]
            ends = length.cumsum(0)
            start = torch.cat([ends.new_zeros(1), ends])
            at = torch.arange(int(ends[-1])) + (offsets[index] - start[:-1]).repeat_interleave(length)
            inputs[name] = (start, codes[at])
        return inputs, self.labels[index], index


class Trainer:
    def __init__(self, workload, samples, variant, rank, ranks):
        adam, form, memory_format, *bank = variant.split(",")
        torch.manual_seed(1)
        self.batches = Batches(workload, samples, form, memory_format, rank, ranks)
        self.model = Distillation(workload, form == "bags", self.batches.labels, bank[0] == "whole") if bank else Model(workload, form == "bags")
        self.distillation, self.ranks = self.model if bank else None, ranks
        self.batches.names = set(self.model.names)
        if memory_format == "channels-last":
            self.model = self.model.to(memory_format=torch.channels_last)
        if ranks > 1:
            self.model = nn.parallel.DistributedDataParallel(self.model, gradient_as_bucket_view=True)
        self.optimizer = optimizer_of(adam, [p for p in self.model.parameters() if p.requires_grad])

    def step(self):
        inputs, labels, index = self.batches.next()
        self.optimizer.zero_grad(set_to_none=True)
        self.model(inputs, labels, *([index] if self.distillation else [])).backward()
        self.optimizer.step()
        if self.distillation:
            self.distillation.remember(self.ranks)

    def forward(self):
        inputs, *_ = self.batches.next()
        with torch.inference_mode():
            self.model(inputs)


def rate(step, seconds, together):
    """Steps a second over about `seconds`. With several ranks all make the same number of steps."""
    for _ in range(3):
        step()
    begun = time.perf_counter()
    step()
    once = together(time.perf_counter() - begun)
    steps = max(3, int(seconds / once))
    begun = time.perf_counter()
    for _ in range(steps):
        step()
    return steps / together(time.perf_counter() - begun)


def variants(workload, ranks):
    adam = ("loop", "foreach") if ranks > 1 else ("loop", "foreach", "flat", "flat-blocked")
    form = ("multihot", "bags") if any(m["vocabulary"] for m in workload["modalities"].values()) else ("multihot",)
    images = any(len(m["shape"]) == 3 for m in workload["modalities"].values())
    layout = ("contiguous", "channels-last") if images else ("contiguous",)
    bank = [("gathered", "whole")] if workload.get("method", {}).get("type") == "kd" else []
    return [",".join(v) for v in itertools.product(adam, form, layout, *bank)]


def main():
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    workload = workloads.WORKLOADS[options.workload]
    together = lambda seconds: seconds  # noqa: E731
    if options.ranks > 1:
        if options.rank == 0:
            children = start_others()
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
        torch.distributed.init_process_group("gloo", rank=options.rank, world_size=options.ranks)

        def together(seconds):
            value = torch.tensor([seconds])
            torch.distributed.all_reduce(value, op=torch.distributed.ReduceOp.MAX)
            return float(value)
    samples = workload["batch"] if options.first_step else workload["samples"]
    if options.first_step:
        Trainer(workload, samples, options.variant or variants(workload, options.ranks)[0], options.rank, options.ranks).step()
        result = {"seconds": time.time() - started}
    else:
        best = options.variant
        tried = {}
        if best is None:
            for variant in variants(workload, options.ranks):
                trainer = Trainer(workload, samples, variant, options.rank, options.ranks)
                tried[variant] = rate(trainer.forward if options.forward else trainer.step, 0.7, together)
            best = max(tried, key=tried.get)
        trainer = Trainer(workload, samples, best, options.rank, options.ranks)
        value = rate(trainer.forward if options.forward else trainer.step, options.seconds, together)
        result = {"steps_per_s": value, "samples_per_s": value * workload["batch"], "variant": best, "tried": tried}
    if options.rank == 0:
        print(json.dumps({"workload": options.workload, "torch": torch.__version__, "threads": options.threads,
                          "ranks": options.ranks, **result}))
    if options.ranks > 1:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
        if options.rank == 0:
            for child in children:
                child.wait()


def start_others():
    import socket
    import subprocess

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        options.port = probe.getsockname()[1]
    command = [sys.executable, *sys.argv, "--port", str(options.port), "--rank"]
    return [subprocess.Popen([*command, str(rank)]) for rank in range(1, options.ranks)]


if __name__ == "__main__":
    main()
