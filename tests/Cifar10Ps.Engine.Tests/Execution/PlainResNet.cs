using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

/// <summary>
/// The network once more, written the obvious way: in double precision, channels first, with batch norm spelled out. Autograd
/// works on it.
/// </summary>
internal sealed class PlainResNet
{
    private readonly double _epsilon;
    private readonly Shortcut _shortcut;
    private readonly Dictionary<string, Tensor> _weights = [];

    public PlainResNet(ImageClassifier model)
    {
        TestSupport.UseTorch();
        _epsilon = TestSupport.EpsilonOf(model.Network);
        _shortcut = Enum.GetValues<Shortcut>()
            .Single(shortcut => CifarResNet.Create(20, shortcut, model.Network.ClassCount).HasSameLayers(model.Network));
        foreach (LayerTensor tensor in model.Network.Tensors)
            _weights[tensor.Name] = torch.tensor(model.Weights[tensor.Name], [.. tensor.Shape.Select(size => (long)size)])
                .to(float64).requires_grad_(tensor.IsLearned);
    }

    /// <summary>
    /// Mean and unbiased variance of the batch at each batch norm, by name of the running statistic; filled in by training.
    /// </summary>
    public Dictionary<string, Tensor> BatchStatistics { get; } = [];

    public Tensor this[string name] => _weights[name];

    /// <summary>Normalised images as a tensor [count, 3, height, width].</summary>
    public static Tensor Input(IEnumerable<LabeledImage> images, Preprocessing preprocessing)
    {
        Tensor[] pixels = [.. images.Select(image =>
            torch.tensor(image.GetPixels(), [3, image.Height, image.Width]).to(float64).DivideBy(255))];
        return (stack(pixels) - Column(preprocessing.Mean)) / Column(preprocessing.StandardDeviation);

        static Tensor Column(IReadOnlyList<double> values) => torch.tensor([.. values], [1, 3, 1, 1]);
    }

    /// <summary>Logits: [count, classes].</summary>
    public Tensor Forward(Tensor x, bool training)
    {
        x = Norm("bn1", Convolve("conv1", x, 1), training).relu();
        foreach (int stage in new[] { 1, 2, 3 })
        {
            foreach (int block in new[] { 0, 1, 2 })
            {
                string prefix = $"layer{stage}.{block}.";
                int stride = stage > 1 && block == 0 ? 2 : 1;
                Tensor y = Norm(prefix + "bn1", Convolve(prefix + "conv1", x, stride), training).relu();
                y = Norm(prefix + "bn2", Convolve(prefix + "conv2", y, 1), training);
                x = (stride, _shortcut) switch
                {
                    (1, Shortcut.ProjectionOnly) => y,
                    (1, _) => y.PlusTensor(x),
                    (_, Shortcut.ZeroPad) =>
                        y.PlusTensor(Surrounded(x[TensorIndex.Ellipsis, TensorIndex.Slice(step: 2), TensorIndex.Slice(step: 2)])),
                    _ => y.PlusTensor(Norm(prefix + "downsample.1", Convolve(prefix + "downsample.0", x, 2), training)),
                };
                x = x.relu();
            }
        }

        return x.mean([2, 3]).matmul(_weights["fc.weight"].t()).PlusTensor(_weights["fc.bias"]);

        // Half of the zero channels before, half after.
        static Tensor Surrounded(Tensor x)
        {
            Tensor zeros = zeros_like(x).slice(1, 0, x.shape[1] / 2, 1);
            return cat([zeros, x, zeros], 1);
        }
    }

    private Tensor Convolve(string name, Tensor x, int stride)
    {
        Tensor kernel = _weights[name + ".weight"];
        long padding = (kernel.shape[3] - 1) / 2;
        return nn.functional.conv2d(x, kernel, null, strides: [stride, stride], padding: [padding, padding]);
    }

    private Tensor Norm(string name, Tensor x, bool training)
    {
        Tensor mean = _weights[name + ".running_mean"], variance = _weights[name + ".running_var"];
        if (training)
        {
            mean = x.mean([0, 2, 3]);
            variance = (x - Column(mean)).square().mean([0, 2, 3]);
            double count = x.numel() / x.shape[1];
            BatchStatistics[name + ".running_mean"] = mean.detach();
            BatchStatistics[name + ".running_var"] = variance.detach() * TestSupport.Number(count / (count - 1));
        }

        Tensor normal = (x - Column(mean)) / Column(variance).PlusTensor(TestSupport.Number(_epsilon)).sqrt();
        return (normal * Column(_weights[name + ".weight"])).PlusTensor(Column(_weights[name + ".bias"]));

        static Tensor Column(Tensor values) => values.view(1, -1, 1, 1);
    }
}
