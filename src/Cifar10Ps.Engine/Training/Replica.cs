using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>A worker's copy of a network in training: its learned values are the master's, its statistics are its own.</summary>
internal abstract class Replica : IDisposable
{
    private readonly double _labelSmoothing;

    /// <summary>Creates a replica.</summary>
    protected Replica(ResNetArchitecture architecture, NetworkWeights master, double labelSmoothing)
    {
        Weights = new NetworkWeights(architecture, master.Learned);
        _labelSmoothing = labelSmoothing;
    }

    /// <summary>The fastest replica for a network on this machine.</summary>
    /// <param name="model">Shape of the network and of its input.</param>
    /// <param name="master">Values.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    /// <param name="labelSmoothing">Share of the target that is spread over all classes.</param>
    public static Replica Create(ModelSnapshot model, NetworkWeights master, Precision precision, double labelSmoothing)
    {
        // Kernels take 64 values at a time; the last stage has a sixteenth of the pixels.
        bool fits = model.Preprocessing.Width % 4 == 0 && model.Preprocessing.Height % 4 == 0
            && NetworkWeights.LearnedTensors(model.Architecture).All(tensor => tensor.Shape is not [int channels, _, _, _] || NormKernels<Float32Element>.Fits(channels));
        return precision switch
        {
            Precision.BFloat16 when fits && Avx512F.IsSupported => new FusedReplica<BFloat16Element>(model.Architecture, master, precision, labelSmoothing),
            // Where there are no 512-bit vectors, the compiler makes two of 256 bits of each.
            Precision.Float32 when fits && Vector256.IsHardwareAccelerated => new FusedReplica<Float32Element>(model.Architecture, master, precision, labelSmoothing),
            _ => new PlainReplica(model.Architecture, master, precision, labelSmoothing),
        };
    }

    /// <summary>The values; after <see cref="Compute"/>, the running statistics are those of its images.</summary>
    public NetworkWeights Weights { get; }

    /// <summary>Forward and backward.</summary>
    /// <param name="images">Normalised images: [count, 3, height, width], fp32, channels-last in memory.</param>
    /// <param name="labels">[count], int64.</param>
    /// <param name="batchSize">Images of the whole batch, over which the loss is averaged.</param>
    /// <param name="gradients">Takes this part of the gradients of the mean loss.</param>
    /// <param name="shared">Takes what idle workers may do.</param>
    /// <returns>Sum of the losses and number of right guesses.</returns>
    public abstract (double LossSum, int Correct) Compute(Tensor images, Tensor labels, int batchSize, GradientViews gradients, SharedWork shared);

    /// <inheritdoc/>
    public virtual void Dispose() => Weights.Dispose();

    /// <summary>The loss summed over the images, of logits that record what is computed from them.</summary>
    protected Tensor Loss(Tensor logits, Tensor labels) =>
        nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum, label_smoothing: _labelSmoothing);

    /// <summary>Gradients of the mean loss.</summary>
    protected static IList<Tensor> GradientsOf(Tensor loss, int batchSize, IList<Tensor> inputs)
    {
        using Scalar divisor = batchSize;
        return autograd.grad([loss / divisor], inputs);
    }

    /// <summary>The sum of the losses and the number of right guesses.</summary>
    protected static (double LossSum, int Correct) Count(Tensor loss, Tensor logits, Tensor labels) =>
        (MemoryMarshal.Read<float>(loss.bytes), (int)MemoryMarshal.Read<long>(logits.argmax(1).eq(labels).sum().bytes));
}

/// <summary>Gradients by name, as views of a flat buffer that is laid out like the learned values.</summary>
internal sealed class GradientViews : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = new(StringComparer.Ordinal);

    /// <summary>Makes room, all zero.</summary>
    public GradientViews(ResNetArchitecture architecture, NetworkWeights master)
    {
        Flat = zeros_like(master.Learned);
        foreach ((TensorShape tensor, Tensor view) in NetworkWeights.LearnedViewsOf(architecture, Flat))
            _views[tensor.Name] = view;
    }

    /// <summary>All gradients.</summary>
    public Tensor Flat { get; }

    /// <summary>In the order of the learned values.</summary>
    public IEnumerable<Tensor> InOrder => _views.Values;

    /// <summary>The gradient of a tensor of the state dict.</summary>
    public Tensor this[string name] => _views[name];

    /// <summary>The values of a gradient with one dimension.</summary>
    public Span<float> Values(string name) => MemoryMarshal.Cast<byte, float>(_views[name].bytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor view in _views.Values)
            view.Dispose();
        Flat.Dispose();
    }
}
