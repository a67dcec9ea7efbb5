using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>
/// A replica whose forward and backward passes are explicit, layer by layer (<see cref="ConvolutionNorm{TElement}"/>); libtorch classifies.
/// Its gradients are those of <see cref="PlainReplica"/> up to rounding.
/// </summary>
/// <typeparam name="TElement">How activations lie in memory.</typeparam>
internal sealed class FusedReplica<TElement> : Replica
    where TElement : struct, IElement
{
    private readonly Shortcut _shortcut;
    private readonly Tensor _converted;
    private readonly List<Tensor> _views = [], _classifier = [];
    private readonly List<ConvolutionNorm<TElement>> _layers = [];
    private readonly ConvolutionNorm<TElement> _first;
    private readonly List<Block> _blocks = [];

    /// <inheritdoc cref="Replica.Create"/>
    public FusedReplica(ResNetArchitecture architecture, NetworkWeights master, Precision precision, double labelSmoothing)
        : base(architecture, master, labelSmoothing)
    {
        _shortcut = architecture.Shortcut;
        // Convolutions read a copy of the learned values in the type of the activations.
        _converted = Weights.Learned.to(precision.ToScalarType(), copy: true);
        Dictionary<string, Tensor> views = [];
        foreach ((TensorShape tensor, Tensor view) in NetworkWeights.LearnedViewsOf(architecture, _converted))
        {
            views[tensor.Name] = view.detach().requires_grad_(true);
            _views.Add(views[tensor.Name]);
            view.Dispose();
        }

        _classifier = [Weights["fc.weight"].detach().requires_grad_(true), Weights["fc.bias"].detach().requires_grad_(true)];
        _first = Layer("conv1", "bn1", 1);
        for (int stage = 1; stage <= 3; stage++)
        {
            for (int block = 0; block < architecture.BlocksPerStage; block++)
            {
                string prefix = $"layer{stage}.{block}.";
                bool downsampling = ResNetArchitecture.IsDownsampling(stage, block);
                _blocks.Add(new Block(
                    Layer(prefix + "conv1", prefix + "bn1", downsampling ? 2 : 1),
                    Layer(prefix + "conv2", prefix + "bn2", 1),
                    downsampling && _shortcut != Shortcut.ZeroPad ? Layer(prefix + "downsample.0", prefix + "downsample.1", 1) : null,
                    downsampling));
            }
        }

        ConvolutionNorm<TElement> Layer(string convolution, string norm, int stride)
        {
            string weight = convolution + ".weight";
            _layers.Add(new(new(weight, Weights, views[weight], stride), norm, Weights, architecture.BatchNormEpsilon));
            return _layers[^1];
        }
    }

    /// <inheritdoc/>
    public override (double LossSum, int Correct) Compute(Tensor images, Tensor labels, int batchSize, GradientViews gradients, SharedWork shared)
    {
        using IDisposable noGradients = no_grad();
        _converted.copy_(Weights.Learned);
        Tensor x = _first.Forward(images.to(_converted.dtype), null, activate: true);
        foreach (Block block in _blocks)
            x = Forward(block, x);

        Tensor loss, logits;
        using (enable_grad())
        {
            logits = nn.functional.linear(x.mean([2, 3], type: ScalarType.Float32), _classifier[0], _classifier[1]);
            loss = Loss(logits, labels);
        }

        IList<Tensor> found;
        using (enable_grad())
            found = GradientsOf(loss, batchSize, [_classifier[0], _classifier[1], x]);
        gradients["fc.weight"].copy_(found[0]);
        gradients["fc.bias"].copy_(found[1]);
        (Tensor gradient, Tensor? more) = (ActivationMemory.ChannelsLast(found[2]), null);
        try
        {
            for (int i = _blocks.Count - 1; i >= 0; i--)
                (gradient, more) = Backward(_blocks[i], gradient, more, gradients, shared);
            _first.Backward(gradient, more, activated: true, gradients, shared, keepGradient: false);
        }
        finally
        {
            // Whatever happened: what others compute from is not to be freed before.
            Task.WhenAll(_layers.Select(layer => layer.WeightGradient)).GetAwaiter().GetResult();
        }

        return Count(loss, logits, labels);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (Tensor view in _views.Concat(_classifier))
            view.Dispose();
        _converted.Dispose();
        base.Dispose();
    }

    private Tensor Forward(Block block, Tensor x)
    {
        block.Input = x;
        block.Padded = null;
        Tensor? shortcut = _shortcut == Shortcut.ProjectionOnly ? null : x;
        if (block.Projection is not null)
            shortcut = block.Projection.Forward(EverySecondPixel<TElement>.Of(x).requires_grad_(true), null, activate: false);
        else if (block.IsDownsampling)
            shortcut = block.Padded = Pad(x);
        return block.Second.Forward(block.First.Forward(x, null, activate: true), shortcut, activate: true);
    }

    /// <summary>Back through a block.</summary>
    /// <returns>The gradient of its input in one or two parts.</returns>
    private (Tensor Gradient, Tensor? More) Backward(Block block, Tensor gradient, Tensor? more, GradientViews gradients, SharedWork shared)
    {
        Tensor inner = block.Second.Backward(gradient, more, activated: true, gradients, shared, keepGradient: true)!;
        // From here on, gradient is that of the sum of both branches.
        Tensor input = block.First.Backward(inner, null, activated: true, gradients, shared, keepGradient: false)!;
        if (block.Projection is not null)
        {
            EverySecondPixel<TElement>.Add(input, block.Projection.Backward(gradient, null, activated: false, gradients, shared, keepGradient: false)!);
            return (input, null);
        }

        if (block.Padded is not null)
            return (input, ActivationMemory.ChannelsLast(autograd.grad([block.Padded], [block.Input], [gradient])[0]));
        return (input, _shortcut == Shortcut.ProjectionOnly ? null : gradient);
    }

    private static Tensor Pad(Tensor x)
    {
        using (enable_grad())
            return ActivationMemory.ChannelsLast(ResNet.ZeroPad(x));
    }

    private sealed record Block(
        ConvolutionNorm<TElement> First, ConvolutionNorm<TElement> Second, ConvolutionNorm<TElement>? Projection, bool IsDownsampling)
    {
        public Tensor Input { get; set; } = null!;

        public Tensor? Padded { get; set; }
    }
}
