"""Computes a network in PyTorch 1.13 from weights and images in a safetensors file, and compares each executor's results in the file.

usage: compare.py NETWORK FILE
       compare.py NETWORK FILE GRAPH    writes the network as an ONNX graph instead

The file holds 'weights/NAME' for the state dict, 'images', 'labels', and of each executor 'EXECUTOR/evaluation' or
'EXECUTOR/training' (logits) and 'EXECUTOR/gradient/NAME' (of the mean cross-entropy, in training mode). Dropout has rate 0.
Modules have torchvision's names. The exit code is 1 if a difference is larger than 1e-3.
"""
import json
import os
import sys

import numpy
import torch
from torch import nn

TOLERANCE = 1e-3


class Block(nn.Module):
    """A basic block of a ResNet, or a bottleneck with the stride in its second convolution."""

    def __init__(self, inputs, channels, stride, bottleneck):
        super().__init__()
        outputs = 4 * channels if bottleneck else channels
        if bottleneck:
            self.conv1, self.bn1 = nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels)
            self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)
            self.conv3, self.bn3 = nn.Conv2d(channels, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        else:
            self.conv1, self.bn1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)
            self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.bottleneck = bottleneck

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.bottleneck:
            y = self.bn3(self.conv3(y.relu()))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck, classes=1000):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, count in enumerate(blocks):
            layers = []
            for block in range(count):
                layers.append(Block(inputs, 64 << stage, 2 if stage > 0 and block == 0 else 1, bottleneck))
                inputs = (64 << stage) * (4 if bottleneck else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean([2, 3]))


class Vgg11(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        layers, inputs = [], 3
        for channels in [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0]:
            if channels == 0:
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
                inputs = channels
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.0),
            nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.0),
            nn.Linear(4096, classes))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Mixed(nn.Module):
    """Groups, a clipped ReLU, GELU, and max pooling with and without a border."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 64, 3, 1, 1, groups=4, bias=False), nn.BatchNorm2d(64)
        self.conv3, self.bn3 = nn.Conv2d(64, 64, 3, 1, 1, groups=64, bias=True), nn.BatchNorm2d(64)
        self.conv4, self.bn4 = nn.Conv2d(64, 96, 1, groups=2, bias=False), nn.BatchNorm2d(96)
        self.fc1, self.fc2 = nn.Linear(96 * 8 * 8, 128), nn.Linear(128, classes)
        self.clip, self.gelu, self.border, self.pool = nn.Hardtanh(0.0, 1.5), nn.GELU(), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, 2)

    def forward(self, x):
        x = self.border(self.clip(self.bn1(self.conv1(x))))
        x = self.gelu(self.bn2(self.conv2(x)))
        x = self.pool(self.clip(self.bn3(self.conv3(x))))
        x = self.bn4(self.conv4(x)).relu()
        return self.fc2(self.gelu(self.fc1(x.flatten(1))))


NETWORKS = {
    "ResNet-18": lambda: ResNet([2, 2, 2, 2], False),
    "ResNet-50": lambda: ResNet([3, 4, 6, 3], True),
    "VGG-11": Vgg11,
    "Mixed": Mixed,
}


def read(path):
    """The tensors of a safetensors file of F32, as views of it."""
    content = numpy.memmap(path, numpy.uint8, "c")
    length = int(content[:8].view(numpy.int64)[0])
    head = json.loads(content[8:8 + length].tobytes())
    head.pop("__metadata__", None)
    values = content[8 + length:]
    return {name: torch.from_numpy(values[slice(*entry["data_offsets"])].view(numpy.float32)).view(entry["shape"])
            for name, entry in head.items()}


def below(tensors, prefix):
    return {name[len(prefix):]: value for name, value in tensors.items() if name.startswith(prefix)}


def main(name, path, graph=None):
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    tensors = read(path)
    network = NETWORKS[name]()
    state = network.state_dict()
    weights = below(tensors, "weights/")
    counters = {key: value for key, value in state.items() if key.endswith("num_batches_tracked")}
    network.load_state_dict({**weights, **counters})
    network.eval()
    if graph is not None:
        # As it is: batch norm apart from the convolutions.
        torch.onnx.export(network, tensors["images"], graph, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
        return 0
    with torch.no_grad():
        evaluation = network(tensors["images"])
    network.train()
    training = network(tensors["images"])
    nn.functional.cross_entropy(training, tensors["labels"].long()).backward()
    expected = {"evaluation": evaluation, "training": training.detach()}
    expected.update({f"gradient/{key}": value.grad for key, value in network.named_parameters()})

    worst = 0.0
    for executor in sorted({key.split("/")[0] for key in tensors} - {"weights", "images", "labels"}):
        found = below(tensors, executor + "/")
        gradients = {key: value for key, value in found.items() if key.startswith("gradient/")}
        for kind in ["evaluation", "training"]:
            if kind in found:
                error = float((found[kind] - expected[kind]).abs().max() / expected[kind].abs().max())
                worst = max(worst, error)
                print(f"{name} {executor}: logits in {kind} differ by {error:.1e} of the largest")
        if gradients:
            if set(gradients) != {key for key in expected if key.startswith("gradient/")}:
                sys.exit(f"{name} {executor}: gradients of other tensors")
            # The gradient of a bias before a norm is nothing but rounding: it is compared with a hundredth of the largest.
            largest = max(float(expected[key].abs().max()) for key in gradients)
            errors = {key: float((value - expected[key]).abs().max()) / max(float(expected[key].abs().max()), largest / 100)
                      for key, value in gradients.items()}
            tensor = max(errors, key=errors.get)
            squares = sum(float((value - expected[key]).double().square().sum()) for key, value in gradients.items())
            length = sum(float(expected[key].double().square().sum()) for key in gradients)
            print(f"{name} {executor}: gradients differ by {errors[tensor]:.1e} of the largest ({tensor[9:]}), "
                  f"all together by {(squares / length) ** 0.5:.1e}")
            worst = max(worst, errors[tensor])
    # Written so that NaN fails too.
    return 0 if worst < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
