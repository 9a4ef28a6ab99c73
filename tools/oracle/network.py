"""The model of a configuration in PyTorch, from a flat {path: tensor} of parameters: contract.md 2 and 5, include/model.

Written with torch's own operators, in the precision of the parameters; nothing of the program's arithmetic is repeated here. A path
that is used is noted, so that parameters which the model does not know are found."""
import math

import numpy as np
import torch
from torch.nn import functional as F

ACTIVATIONS = {"relu": torch.relu, "gelu": F.gelu, "tanh": torch.tanh}


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context, x, weight):
        context.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(context, dx):
        return -context.weight * dx, None


class Network:
    def __init__(self, config, parameters, state):
        self.config, self.parameters, self.state = config, parameters, state
        self.dtype = next(iter(parameters.values())).dtype
        self.used = set()
        self.statistics = {}  # running statistics as this batch leaves them

    def tensor(self, path, *shape):
        if path not in self.parameters:
            raise SystemExit(f"the checkpoint has no {path}")
        tensor = self.parameters[path]
        if tuple(tensor.shape) != shape:
            raise SystemExit(f"{path} is {tuple(tensor.shape)}, not {shape}")
        self.used.add(path)
        return tensor

    # --- layers ---
    def linear(self, x, out, path, bias=True):
        return F.linear(x, self.tensor(f"{path}/weight", out, x.shape[-1]), self.tensor(f"{path}/bias", out) if bias else None)

    def convolution(self, x, out, kernel, padding, bias, path):
        weight = self.tensor(f"{path}/weight", out, x.shape[1], kernel, kernel)
        return F.conv2d(x, weight, self.tensor(f"{path}/bias", out) if bias else None, padding=padding)

    def batch_norm(self, x, path):
        width = x.shape[1]
        weight, bias = self.tensor(f"{path}/weight", width), self.tensor(f"{path}/bias", width)
        mean, variance = self.state[f"{path}/mean"].clone(), self.state[f"{path}/variance"].clone()
        if x.shape[0]:
            x = F.batch_norm(x, mean, variance, weight, bias, training=True, momentum=0.1, eps=1e-5)
        self.statistics.update({f"{path}/mean": mean, f"{path}/variance": variance})
        return x

    def layer_norm(self, x, path):
        width = x.shape[-1]
        return F.layer_norm(x, (width,), self.tensor(f"{path}/weight", width), self.tensor(f"{path}/bias", width), 1e-5)

    def relu_stack(self, x, widths, path):
        """ReLU between layers and none after the last."""
        for k, out in enumerate(widths):
            x = self.linear(x, out, f"{path}/{k}")
            x = torch.relu(x) if k + 1 < len(widths) else x
        return x

    # --- encoders ---
    def encoder(self, name, x):
        spec = self.config["modalities"][name]["encoder"]
        kind, path = spec["type"], f"encoders/{name}"
        if float(spec.get("dropout") or 0) > 0:
            raise SystemExit(f"{path}: the oracle wants dropout 0")
        if kind in ("linear", "mlp"):
            return self.mlp(x.flatten(1), spec, path)
        if x.dim() == 3:
            x = x[:, None]
        return {"lenet": self.lenet, "snet": self.snet, "cnn": self.cnn}[kind](x, spec, path)

    def mlp(self, x, spec, path):
        layer = 0
        for out in spec["hidden"] if spec["type"] == "mlp" else []:
            x = self.linear(x, out, f"{path}/{layer}")
            layer += 1
            if spec["norm"]:
                x = self.layer_norm(x, f"{path}/{layer}")
                layer += 1
            x = ACTIVATIONS[spec["activation"]](x)
        return self.linear(x, spec["out"], f"{path}/{layer}")

    def flattened(self, x, spec, path, layer):
        x = x.flatten(1)
        return x if spec["out"] in ("auto", 0, x.shape[1]) else self.linear(x, spec["out"], f"{path}/{layer}")

    def lenet(self, x, spec, path):
        x = torch.relu(F.max_pool2d(self.convolution(x, 5, 5, 0, True, f"{path}/0"), 2))
        x = torch.relu(F.max_pool2d(self.convolution(x, 10, 5, 0, True, f"{path}/1"), 2))
        return self.flattened(x, spec, path, 2)

    def snet(self, x, spec, path):
        for k, channels in enumerate((32, 48, 20)):
            x = self.convolution(x, channels, 2, 0, True, f"{path}/{2 * k}")
            x = torch.relu(self.batch_norm(x, f"{path}/{2 * k + 1}"))
        return self.flattened(F.max_pool2d(x, 2, 4), spec, path, 6)

    def cnn(self, x, spec, path):
        layer = 0
        for channels in spec["channels"]:
            for _ in range(2):
                x = self.convolution(x, channels, 3, 1, False, f"{path}/{layer}")
                x = ACTIVATIONS[spec["activation"]](self.batch_norm(x, f"{path}/{layer + 1}"))
                layer += 2
            x = F.max_pool2d(x, 2)
        return self.linear(x.flatten(1), spec["out"], f"{path}/{layer}")

    # --- fusion ---
    def fill(self, name, x, mask):
        """A row whose mask is 0 becomes zeros, a learned vector, or the running mean of the rows before this batch."""
        kind, path = self.config["missingness"]["fill"], f"fill/{name}"
        if kind == "learned":
            x = torch.where(mask > 0, x, self.tensor(path, x.shape[1]))
        elif kind == "mean":
            mean = self.state[f"{path}/mean"]
            shown = x.detach()[mask[:, 0] > 0]
            x = torch.where(mask > 0, x, mean)
            if len(shown):  # the first batch sets the mean, later ones move it by a tenth
                first = float(self.state[f"{path}/count"]) == 0
                self.statistics[f"{path}/mean"] = shown.mean(0) if first else mean + 0.1 * (shown.mean(0) - mean)
        strength = self.config["fusion"]["strength"]
        return x * float(strength.get(name, 1) if isinstance(strength, dict) else strength)

    def join(self, z, mask):
        kind, width = self.config["fusion"]["type"], z[0].shape[1]
        if kind == "concat":
            return torch.cat(z, 1), 0
        if kind == "sum":
            return sum(z), 0
        if kind == "gated":
            together, m = torch.cat(z, 1), len(z)
            return sum(torch.sigmoid(self.linear(together, width, f"fusion/{m + i}")) *
                       torch.tanh(self.linear(x, width, f"fusion/{i}", bias=False)) for i, x in enumerate(z)), 2 * m
        return self.attention(torch.stack(z, 1), torch.cat(mask, 1) > 0), 1

    def attention(self, tokens, there):
        rows, count, width = tokens.shape
        heads = self.config["fusion"]["heads"]
        q, k, v = (self.linear(tokens, width, f"fusion/0/{which}").view(rows, count, heads, width // heads).transpose(1, 2)
                   for which in "qkv")
        score = q @ k.transpose(2, 3) / (width // heads) ** 0.5
        score = score.masked_fill(~there[:, None, None, :], -torch.inf)
        mixed = (torch.softmax(score, 3) @ v).transpose(1, 2).reshape(rows, count, width)
        mixed = tokens + self.linear(mixed, width, "fusion/0/o")
        shown = there[:, :, None].to(tokens.dtype)
        return (mixed * shown).sum(1) / shown.sum(1)

    def head(self, z, mask, outputs):
        x, layer = self.join(z, mask)
        for k, out in enumerate(self.config["fusion"]["hidden"]):
            x = torch.relu(self.linear(x, out, f"fusion/{layer + k}"))
        return self.linear(x, outputs, "head")

    # --- the whole ---
    def losses(self, data, samples, keep, progress):
        """{name: mean loss, or share of right answers}, and the objective whose gradient the step descends. keep [rows, modalities]."""
        config, method = self.config, self.config["method"]
        ebr = method["type"] == "ebr"
        if method["type"] not in ("vanilla", "ebr"):
            raise SystemExit("the oracle knows vanilla and ebr")
        losses, objective, z, mask, latents = {}, 0, [], [], []
        outputs, labels = 1 if data.binary else data.classes, torch.from_numpy(data.labels[samples])
        semantic, adversarial, reversed_weight = adversarial_weights(method, progress)
        for i, name in enumerate(data.names):
            shown = torch.from_numpy(keep[:, i])
            u = self.encoder(name, data.rows(name, samples[keep[:, i]]).to(self.dtype))
            if ebr:
                latent = self.relu_stack(u, [*method["factor"], method["latent"]], f"factor/{name}")
                added, u = self.reallocate(data, i, u, latent, labels[shown], outputs, reversed_weight)
                losses.update({f"{kind}/{name}": loss for kind, loss in added.items()})
                objective = objective + adversarial * added["discriminator"]
                objective = objective + sum(float(method[kind]["weight"]) * loss for kind, loss in added.items() if kind != "discriminator")
                latents.append(torch.zeros(len(samples), latent.shape[1], dtype=u.dtype).index_put((shown.nonzero()[:, 0],), latent))
            full = torch.zeros(len(samples), u.shape[1], dtype=u.dtype).index_put((shown.nonzero()[:, 0],), u)
            mask.append(shown[:, None].to(u.dtype))
            z.append(self.fill(name, full, mask[-1]))
        if ebr and config["missingness"]["fill"] == "substitute" and method["substitution"]["training"]:
            z, mask = self.substitute(data, latents, z, keep), [torch.ones_like(there) for there in mask]
        for i, name in enumerate(data.names):
            beta = config["fusion"]["own"]
            beta = float(beta.get(name, 0) if isinstance(beta, dict) else beta)
            if beta:
                shown = torch.from_numpy(keep[:, i])
                losses[f"own/{name}"] = loss = self.semantic(self.linear(z[i], outputs, f"own/{name}")[shown], labels[shown], data)
                objective = objective + beta * loss
        logits = self.head(z, mask, outputs)
        losses["semantic"] = loss = self.semantic(logits, labels, data)
        predicted = (logits[:, 0] > 0).long() if data.binary else logits.argmax(1)
        losses["correct"] = (predicted == labels)[labels >= 0].to(self.dtype).mean()
        return losses, objective + semantic * loss

    def substitute(self, data, latents, z, keep):
        """A missing modality is h^-1 of the latent of the nearest that is there, by the table in the checkpoint."""
        rank, m = nearest(self.state), len(data.names)
        strength = self.config["fusion"]["strength"]
        for i, name in enumerate(data.names):
            order = sorted((j for j in range(m) if j != i), key=lambda j: (abs(rank[i] - rank[j]), rank[j]))
            rows = [(n, next(j for j in order if keep[n, j])) for n in range(len(keep)) if not keep[n, i]]
            if rows:
                borrowed = torch.stack([latents[j][n] for n, j in rows])
                factor = float(strength.get(name, 1) if isinstance(strength, dict) else strength)
                f = factor * self.relu_stack(borrowed, [*self.config["method"]["inverse"], z[i].shape[1]], f"inverse/{name}")
                z[i] = z[i].index_put((torch.tensor([n for n, _ in rows]),), f)
        return z

    def reallocate(self, data, i, u, latent, labels, outputs, reversed_weight):
        """EBR of modality i on the rows that show it: its losses, and h^-1(latent) for the fusion."""
        method, name = self.config["method"], data.names[i]
        judged = self.relu_stack(Reversal.apply(latent, reversed_weight), [*method["discriminator"], len(data.names)], "discriminator")
        losses = {"discriminator": F.cross_entropy(judged, torch.full((len(u),), i)) if len(u) else judged.sum()}
        again = self.relu_stack(latent, [*method["inverse"], u.shape[1]], f"inverse/{name}")
        if float(method["reconstruction"]["weight"]):  # u is what is to be reached, not moved
            losses["reconstruction"] = ((again - u.detach()) ** 2).mean() if len(u) else again.sum()
        if float(method["latent_task"]["weight"]):
            losses["latent_task"] = self.semantic(self.linear(latent, outputs, "latent_head"), labels, data)
        return losses, again

    def semantic(self, logits, label, data):
        """Mean cross-entropy over the labelled rows, each weighing as its class does."""
        balanced = self.config["train"]["class_weights"] == "balanced"
        weight = torch.from_numpy(data.class_weights() if balanced else np.ones(data.classes)).to(self.dtype)
        rows = label >= 0
        logits, label = logits[rows], label[rows]
        if not len(label):
            return logits.sum()
        if not data.binary:
            return F.cross_entropy(logits, label, weight)
        each = F.binary_cross_entropy_with_logits(logits[:, 0], label.to(logits.dtype), reduction="none")
        return (weight[label] * each).sum() / weight[label].sum()


def nearest(state):
    """Place of every modality in the order of similarity to the strongest."""
    strength, similarity = state["substitution/strength"], state["substitution/similarity"]
    first = int(strength.argmax()) if float(strength.max()) > 0 else 0
    row = [2.0 if i == first else float(value) for i, value in enumerate(similarity[first])]
    order = sorted(range(len(row)), key=lambda i: (-row[i], i))
    return [order.index(i) for i in range(len(row))]


def adversarial_weights(method, progress):
    """Factors of L_sem, of L_md, and of the reversed gradient, at a step of EBR (methods.md 2.3, 2.4)."""
    if method["type"] != "ebr":
        return 1.0, 0.0, 0.0
    spec = method["adversarial"]
    weight, second = float(spec["weight"]), progress["epoch"] // spec["period"] % 2 == 1
    if spec["schedule"] == "interleave":
        return 1.0, float(second), weight
    if spec["schedule"] == "alternate":
        return float(not second), float(second), weight
    if spec["schedule"] == "dann":
        p = (progress["epoch"] + progress["batch"] / progress["batches"]) / progress["epochs"]
        weight *= 2 / (1 + math.exp(-10 * p)) - 1
    return 1.0, 1.0, weight
