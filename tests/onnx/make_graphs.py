#!/usr/bin/python3
"""Makes the ONNX graphs in this folder with PyTorch's own exporter. The tests read them and compare with ONNX Runtime.

Each is a small network with a different way of writing the same operations. Debian's python3-torch (1.13) is enough:
    apt-get install -y python3-torch && /usr/bin/python3 tests/onnx/make_graphs.py
"""
import os

import torch
from torch import nn
from torch.nn import functional as F

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Block(nn.Module):
    """A basic block, as torchvision writes it."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(8, 8, 1), Block(8, 8, 1))
        self.layer2 = nn.Sequential(Block(8, 16, 2))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.layer2(self.layer1(x))), 1))


class ZeroPadded(nn.Module):
    """The shortcut of He et al.'s option A, written as in the network that most repositories copy."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16)
        self.linear = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4), "constant", 0))
        x = F.avg_pool2d(x, 16)
        return self.linear(x.view(x.size(0), -1))


class Mobile(nn.Module):
    """An inverted bottleneck with groups and a clipped ReLU."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
            nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU6(),
            nn.Conv2d(24, 24, 3, 1, 1, groups=24, bias=False), nn.BatchNorm2d(24, eps=1e-3), nn.ReLU6(),
            nn.Conv2d(24, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 7))

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x.mean([2, 3]))


class Gelu(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.mix = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.norm = nn.BatchNorm2d(8)
        self.wide = nn.Conv2d(8, 16, 1)
        self.act = nn.GELU()
        self.narrow = nn.Conv2d(16, 8, 1)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 4))

    def forward(self, x):
        x = self.act(self.stem(x))
        return self.head(x + self.narrow(self.act(self.wide(self.norm(self.mix(x))))))


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2, 2),
            nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(True), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2, 2))
        self.classifier = nn.Sequential(nn.Linear(8 * 8 * 8, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 6))

    def forward(self, x):
        return self.classifier(self.features(x).view(-1, 8 * 8 * 8))


class Windows(nn.Module):
    """Kernels, strides and paddings that are not square, and borders that differ from side to side."""

    def __init__(self):
        super().__init__()
        self.pad = nn.ZeroPad2d((1, 2, 0, 1))
        self.conv1 = nn.Conv2d(3, 6, (3, 5), (2, 1), (1, 0))
        self.conv2 = nn.Conv2d(6, 6, (1, 3), padding=(0, 1), groups=2)
        self.pool = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.last = nn.AvgPool2d(2, 2, 1)
        self.fc = nn.Linear(6 * 5 * 9, 3)

    def forward(self, x):
        x = F.relu(self.conv2(self.conv1(self.pad(x))))
        return self.fc(self.last(self.pool(x)).flatten(1))


class Bare(nn.Module):
    """Weights without names of their own, a product and a sum for a linear layer, and norms without convolutions."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 8, 3, 2)
        self.weight = nn.Parameter(torch.randn(8, 9) / 3)
        self.shift = nn.Parameter(torch.randn(9))

    def forward(self, x):
        x = F.hardtanh(self.conv(self.norm(x)), 0, 4)
        x = F.adaptive_avg_pool2d(x, 1).squeeze(3).squeeze(2)
        return F.softmax(torch.matmul(x, self.weight) + self.shift, 1)


def randomise(model):
    """Gives all values as if after training, so that every number matters."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def export(name, model, side=32, **options):
    torch.manual_seed(len(name))
    randomise(model)
    path = os.path.join(FOLDER, name + ".onnx")
    torch.onnx.export(model, torch.randn(1, 3, side, side), path, input_names=["image"], output_names=["scores"], **options)
    print(f"{os.path.getsize(path):7,} {name}")


if __name__ == "__main__":
    torch.manual_seed(1)
    batch = {"image": {0: "n"}, "scores": {0: "n"}}
    training = torch.onnx.TrainingMode
    export("resnet-folded", Residual(), 64, opset_version=13)
    export("resnet-norms", Residual(), 64, opset_version=11, training=training.PRESERVE, do_constant_folding=False, dynamic_axes=batch)
    export("zeropad", ZeroPadded(), opset_version=11, dynamic_axes=batch)
    export("zeropad-plain", ZeroPadded(), opset_version=12, do_constant_folding=False)
    export("mobile", Mobile(), opset_version=13, dynamic_axes={"image": {0: "n", 2: "h", 3: "w"}})
    export("mobile-old", Mobile(), opset_version=9, keep_initializers_as_inputs=True)
    export("gelu", Gelu(), opset_version=17, dynamic_axes=batch)
    export("vgg", Vgg(), opset_version=16, training=training.PRESERVE)
    export("windows", Windows(), opset_version=10)
    export("bare", Bare(), opset_version=14, export_params=True, dynamic_axes=batch)
