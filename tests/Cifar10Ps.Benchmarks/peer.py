"""ResNet-20 in PyTorch, tuned as its guides say: channels-last, all cores, denormals flushed, and for inference folded by TorchScript;
in fp32 or with bf16 autocast."""
import os
import statistics
import sys
import time

import torch
from torch import nn

torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.set_flush_denormal(True)
BATCH = 128
AUTOCAST = sys.argv[2] == "bf16"


class Block(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        stride = 1 if cin == cout else 2
        self.body = nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True),
            nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout))
        self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


def network():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    for stage in range(3):
        for block in range(3):
            layers.append(Block(8 << stage if stage and not block else 16 << stage, 16 << stage))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)).to(memory_format=torch.channels_last)


def per_second(step, warm_up=30, steps=30):
    for i in range(warm_up + steps):
        if i == warm_up:
            start = time.perf_counter()
        step()
    return steps * BATCH / (time.perf_counter() - start)


def training():
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    images = torch.randn(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.randint(10, (BATCH,))

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=AUTOCAST):
            logits = net(images)
        nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return per_second(step)


def frozen(batch):
    net = network().eval()
    images = torch.randn(batch, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=AUTOCAST, cache_enabled=False):
        net = torch.jit.freeze(torch.jit.trace(net, images))
        for _ in range(3):
            net(images)
    return net, images


def inference():
    net, images = frozen(BATCH)
    with torch.no_grad():
        return per_second(lambda: net(images), steps=90)


def single():
    net, image = frozen(1)
    times = []
    with torch.no_grad():
        for _ in range(300):
            start = time.perf_counter()
            net(image)
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


print({"training": training, "inference": inference, "single": single}[sys.argv[1]]())
