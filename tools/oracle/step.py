#!/usr/bin/python3
"""Recomputes one training step of a run in PyTorch and compares it with what the program wrote.

    tools/oracle/step.py RUN_DIR [GRADIENTS.h5] [--step K]

RUN_DIR comes from `rebasis train CONFIG --dump-gradients GRADIENTS.h5` on one rank with checkpoint.every_steps 1 and keep all.
Read are RUN_DIR/config.yaml, its data file, the checkpoints of steps K and K+1, and the dump. From the parameters of step K and the
dumped batch follow the losses, the gradient of every tensor, and by the optimiser's formula the parameters of step K+1; these
are checked twice: from our own gradients, and (more sharply) from the program's. Without a dump (a step K > 0) parameters, moments
and running statistics of step K+1 are compared; data.shuffle must be false and nothing withheld, so that the batch is known.

Everything is computed in float64; how far PyTorch's float32 is from that says which tensors can be compared more closely than rounding.
Ends with 0 when every |a - b| / |b| is within its tolerance, 1 when not, 77 when a library is missing."""
import argparse
import math
import pathlib
import sys

try:
    import torch
    import yaml

    sys.dont_write_bytecode = True  # the source tree stays as it is
    import container
    from network import Network
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

TOLERANCE = {"loss": 1e-6, "gradient": 1e-5, "parameters": 1e-5, "update": 1e-6, "moments": 1e-6, "statistics": 1e-5}


def difference(got, wanted):
    """|got - wanted| / |wanted|, or |got| when nothing is wanted."""
    got, wanted = torch.as_tensor(got, dtype=torch.float64), torch.as_tensor(wanted, dtype=torch.float64)
    if got.shape != wanted.shape:
        raise SystemExit(f"shapes differ: {tuple(got.shape)} and {tuple(wanted.shape)}")
    apart, size = float((got - wanted).norm()), float(wanted.norm())
    return apart / size if size > 0 else apart


def learning_rate(optimizer, progress):
    """Warm-up and schedule; t counts steps from 0."""
    schedule, rate = optimizer["schedule"], float(optimizer["learning_rate"])
    t = progress["epoch"] * progress["batches"] + progress["batch"]
    warm = float(schedule["warmup_epochs"]) * progress["batches"]
    if t < warm:
        return rate * (t + 1) / warm
    if schedule["type"] == "step":
        return rate * float(schedule["gamma"]) ** (progress["epoch"] // schedule["step_epochs"])
    if schedule["type"] == "exponential":
        return rate * float(schedule["gamma"]) ** progress["epoch"]
    if schedule["type"] == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * (t - warm) / (progress["epochs"] * progress["batches"] - warm)))
    return rate


def torch_optimizer(spec, tensors, rate):
    decay = float(spec["weight_decay"])
    if spec["type"] == "sgd":
        return torch.optim.SGD(tensors, lr=rate, momentum=float(spec["momentum"]), weight_decay=decay)
    kind = torch.optim.Adam if spec["type"] == "adam" else torch.optim.AdamW
    return kind(tensors, lr=rate, betas=(float(spec["beta1"]), float(spec["beta2"])), eps=float(spec["epsilon"]), weight_decay=decay)


def update(spec, before, gradients, rate, dtype):
    """PyTorch's own optimiser, started from the moments of the checkpoint: parameters, first and second moments."""
    leaves = {path: value.detach().to(dtype).clone().requires_grad_() for path, value in before.parameters.items()}
    for path, leaf in leaves.items():
        leaf.grad = gradients[path].to(dtype).clone()
    clip, sgd = float(spec["clip_norm"]), spec["type"] == "sgd"
    if clip > 0:
        torch.nn.utils.clip_grad_norm_(list(leaves.values()), clip)
    optimizer = torch_optimizer(spec, list(leaves.values()), rate)
    names = {"momentum_buffer": before.m} if sgd else {"exp_avg": before.m, "exp_avg_sq": before.v}
    if before.step > 0:
        for path, leaf in leaves.items():
            optimizer.state[leaf].update({name: moments[path].to(dtype).clone() for name, moments in names.items()})
            if not sgd:
                optimizer.state[leaf]["step"] = torch.tensor(float(before.step))
    optimizer.step()
    moments = [{path: optimizer.state[leaf].get(name) for path, leaf in leaves.items()} for name in names]
    return {path: leaf.detach() for path, leaf in leaves.items()}, moments


class Step:
    """One step of the network in one precision."""

    def __init__(self, config, data, before, batch, progress, dtype):
        leaves = {path: value.detach().to(dtype).clone().requires_grad_() for path, value in before.parameters.items()}
        network = Network(config, leaves, {path: value.to(dtype) for path, value in before.state.items()})
        losses, objective = network.losses(data, batch.samples, batch.keep, progress)
        unknown = set(leaves) - network.used
        if unknown:
            raise SystemExit(f"the checkpoint has parameters that the model does not know: {sorted(unknown)}")
        objective.backward()
        self.values = {"loss": {name: loss.detach() for name, loss in losses.items()},
                       "gradient": {path: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for path, leaf in leaves.items()},
                       "statistics": network.statistics}
        rate = learning_rate(config["optimizer"], progress)
        self.values["parameters"], moments = update(config["optimizer"], before, self.values["gradient"], rate, dtype)
        if batch.gradients is not None:
            # From the program's gradients: what is left is the optimiser's own arithmetic.
            self.values["update"], moments = update(config["optimizer"], before, batch.gradients, rate, dtype)
        self.values["moments"] = {f"{name}/{path}": value for name, group in zip("mv", moments) for path, value in group.items()
                                  if value is not None}


def compare(run, dump=None, step=0):
    """[(kind, name, difference, allowed)]. Allowed is the tolerance, or ten times what PyTorch's own float32 is away from its float64
    where that is more: a tensor that is 0 but for rounding (a bias before batch norm, a key's bias in attention) has no digits to
    compare, and Adam's first step blows up the rounding of small gradients."""
    run = pathlib.Path(run)
    config = yaml.safe_load((run / "config.yaml").read_text())
    data = container.Data(config["data"]["file"], config["modalities"], config["data"]["task"])
    if config["data"]["standardize"]:
        data.standardize()
    before, after = (container.Checkpoint(run / f"checkpoints/step-{k:08d}.h5") for k in (step, step + 1))
    batches = -(-len(data.trainable()) // config["data"]["batch"])
    progress = {"epoch": step // batches, "batch": step % batches, "batches": batches, "epochs": config["train"]["epochs"]}
    batch = container.Batch.dumped(dump) if dump else container.Batch.known(data, config, progress["batch"])
    if not all(data.present[name][batch.samples][batch.keep[:, i]].all() for i, name in enumerate(data.names)):
        raise SystemExit("the batch shows modalities that the data do not have")
    wanted, rounded = (Step(config, data, before, batch, progress, dtype).values for dtype in (torch.float64, torch.float32))
    got = {"loss": batch.losses, "gradient": batch.gradients, "parameters": after.parameters, "update": after.parameters,
           "statistics": {path: after.state[path] for path in wanted["statistics"]},
           "moments": {f"{name}/{path}": value for name, group in (("m", after.m), ("v", after.v)) for path, value in group.items()}}
    if not dump:
        del wanted["loss"], wanted["gradient"]
    found = []
    for kind, values in wanted.items():
        if set(values) - set(got[kind]) or (kind in ("loss", "gradient", "parameters") and set(values) != set(got[kind])):
            raise SystemExit(f"{kind}: only one side has {sorted(set(values) ^ set(got[kind]))}")
        for name, value in values.items():
            rounding = difference(rounded[kind][name], value)
            allowed = max(TOLERANCE[kind] if dump else 1e-5, 10 * rounding) if rounding < 1e-3 else math.inf
            found.append((kind, name, difference(got[kind][name], value), allowed))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("gradients", type=pathlib.Path, nargs="?")
    parser.add_argument("--step", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = compare(options.run, options.gradients, options.step)
    bad = [entry for entry in found if not (math.isfinite(entry[2]) and entry[2] <= entry[3])]
    for kind in TOLERANCE:
        entries = [entry for entry in found if entry[0] == kind]
        if entries:
            _, name, value, allowed = max(entries, key=lambda e: (not math.isfinite(e[2]), e[2] / e[3]))
            blank = sum(e[3] == math.inf for e in entries)
            print(f"{kind:11} {len(entries) - blank:4} compared, {blank:2} without digits, worst {value:9.2e} of {allowed:.0e} allowed ({name})")
    parts = {"psi": ("discriminator/",), "g": ("encoders/", "factor/"), "h^-1": ("inverse/",), "phi": ("fusion/", "head/", "fill/")}
    for part, prefixes in parts.items():  # of EBR: where the reversal acts, and where it must not
        entries = [entry[2] for entry in found if entry[0] == "gradient" and entry[1].startswith(prefixes) and entry[3] < math.inf]
        if entries:
            print(f"gradient of {part:4} {len(entries):4} compared, worst {max(entries):9.2e}")
    for kind, name, value, allowed in bad:
        print(f"{name}: {kind} differs by {value:.2e}, more than {allowed:.0e}", file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
