using System.Diagnostics;
using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Cifar10Ps.Benchmarks;

/// <summary>
/// What one would write after TorchSharp's examples: eager, fp32, channels first, threads inside the operators, with the
/// default settings of libtorch and the C library.
/// </summary>
internal static class PlainLoop
{
    public static double Training(int batchSize, int warmUp, int steps)
    {
        Load();
        using Network network = new();
        using Tensor images = randn(batchSize, 3, 32, 32), labels = randint(10, batchSize, dtype: int64);
        using optim.Optimizer optimizer = optim.SGD(network.parameters(), 0.1, momentum: 0.9, weight_decay: 5e-4, nesterov: true);
        return PerSecond(batchSize, warmUp, steps, () =>
        {
            optimizer.zero_grad();
            nn.functional.cross_entropy(network.call(images), labels).backward();
            optimizer.step();
        });
    }

    public static double Inference(int batchSize, int warmUp, int steps)
    {
        Load();
        using Network network = new();
        network.eval();
        using Tensor images = randn(batchSize, 3, 32, 32);
        using IDisposable noGradients = no_grad();
        return PerSecond(batchSize, warmUp, steps, () => network.call(images));
    }

    private static void Load()
    {
        foreach (string library in new[] { "libc10.so", "libtorch_cpu.so", "libtorch.so", "libLibTorchSharp.so" })
            NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, library));
        InitializeDeviceType(DeviceType.CPU);
    }

    private static double PerSecond(int batchSize, int warmUp, int steps, Action step)
    {
        long start = 0;
        for (int i = 0; i < warmUp + steps; i++)
        {
            if (i == warmUp)
                start = Stopwatch.GetTimestamp();
            using DisposeScope scope = NewDisposeScope();
            step();
        }

        return steps * batchSize / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private sealed class Network : nn.Module<Tensor, Tensor>
    {
        private readonly Sequential _layers;

        public Network()
            : base("ResNet-20")
        {
            List<nn.Module<Tensor, Tensor>> layers = [nn.Conv2d(3, 16, 3, padding: 1, bias: false), nn.BatchNorm2d(16), nn.ReLU()];
            for (int stage = 0; stage < 3; stage++)
                for (int block = 0; block < 3; block++)
                    layers.Add(new Block(stage > 0 && block == 0 ? 8 << stage : 16 << stage, 16 << stage));
            layers.AddRange([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]);
            _layers = nn.Sequential(layers);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => _layers.call(input);
    }

    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly Sequential _convolutions;
        private readonly Sequential? _projection;

        public Block(int input, int output)
            : base("block")
        {
            int stride = input == output ? 1 : 2;
            _convolutions = nn.Sequential(
                nn.Conv2d(input, output, 3, stride: stride, padding: 1, bias: false), nn.BatchNorm2d(output), nn.ReLU(),
                nn.Conv2d(output, output, 3, padding: 1, bias: false), nn.BatchNorm2d(output));
            if (stride == 2)
                _projection = nn.Sequential(nn.Conv2d(input, output, 1, stride: stride, bias: false), nn.BatchNorm2d(output));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => (_convolutions.call(input) + (_projection?.call(input) ?? input)).relu();
    }
}
