using System.Runtime.InteropServices;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Cifar10Ps.Execution;

/// <summary>The operations of a network as libtorch computes them, with or without a record for autograd.</summary>
/// <remarks>Feature maps have the type of the activations; parameters and statistics of batch norm,
/// vectors and linear layers are fp32.</remarks>
internal static class LibtorchOperations
{
    /// <summary>Computes a layer.</summary>
    /// <param name="network">The network.</param>
    /// <param name="layer">Position of the layer; not the input.</param>
    /// <param name="x">Outputs of its input layers.</param>
    /// <param name="tensorOf">Finds a tensor of the layer by name.</param>
    /// <param name="keys">In training, what identifies the images: batch norm uses the statistics of the batch and leaves them in the
    /// running statistics. Null: evaluation.</param>
    public static Tensor Compute(Network network, int layer, IReadOnlyList<Tensor> x, Func<string, Tensor> tensorOf, ImageKeys? keys)
    {
        Layer at = network.Layers[layer];
        return at.Operation switch
        {
            Convolution convolution => Convolve(convolution, x[0],
                Required(TensorRole.ConvolutionWeight).to(Precisions.ConvolutionType(x[0].dtype)),
                Find(TensorRole.ConvolutionBias)?.to(Precisions.ConvolutionType(x[0].dtype))),
            BatchNorm norm => Normalize(norm, x[0], Required(TensorRole.NormMean), Required(TensorRole.NormVariance),
                Required(TensorRole.NormScale), Required(TensorRole.NormShift), keys is not null && !at.IsFrozen),
            MeanImage => x[0].sub(Required(TensorRole.MeanImage)).to(x[0].dtype),
            ReLU => F.relu(x[0]),
            ClippedReLU clipped => F.relu(x[0]).ClampMaximum(clipped.Maximum),
            Gelu => F.gelu(x[0]),
            Scale scale => x[0].TimesNumber(scale.Factor),
            ZeroPad => Pad(x[0]),
            Add => x[0].PlusTensor(x[1]),
            MaxPool pool => F.max_pool2d(Bordered(x[0], pool.Window, double.NegativeInfinity), Pair(pool.Window.Size),
                Pair(pool.Window.Stride), Padding(pool.Window)),
            AveragePool { Window: null } => x[0].mean([2, 3], type: ScalarType.Float32),
            AveragePool { Window: { } window, CountsPadding: var counts } => Average(x[0], window, counts),
            Flatten => x[0].dim() == 2 ? x[0] : x[0].flatten(1).to(ScalarType.Float32),
            Dropout dropout => keys is null || dropout.Rate == 0 ? x[0] : x[0].mul(Mask(dropout.Rate, x[0], layer, keys)),
            Linear => F.linear(x[0], Required(TensorRole.LinearWeight), Find(TensorRole.LinearBias)),
            _ => throw new NotSupportedException($"There is no operation for {at.Kind}."),
        };

        Tensor? Find(TensorRole role) => at.Tensor(role) is { } tensor ? tensorOf(tensor.Name) : null;
        Tensor Required(TensorRole role) => Find(role)!;
    }

    /// <summary>A convolution.</summary>
    /// <param name="convolution">Its description.</param>
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="weight">The weight, in the type in which to convolve (<see cref="Precisions.ConvolutionType"/>).</param>
    /// <param name="bias">The bias, in the same type; null: none.</param>
    /// <returns>The output, in the type of <paramref name="x"/>, channels-last in memory: libtorch chooses that for most inputs, but not
    /// for all, nor with all of its libraries.</returns>
    public static Tensor Convolve(Convolution convolution, Tensor x, Tensor weight, Tensor? bias)
    {
        Tensor input = As(x, weight.dtype), bordered = Bordered(input, convolution.Window, 0);
        Tensor y = F.conv2d(bordered, weight, bias, strides: Pair(convolution.Window.Stride), padding: Padding(convolution.Window),
            groups: convolution.Groups);
        Tensor output = As(y, x.dtype), result = ActivationMemory.ChannelsLast(output);
        // The scope of the shard would keep them to its end; autograd keeps what it needs.
        foreach (Tensor temporary in new HashSet<Tensor>([input, bordered, y, output], ReferenceEqualityComparer.Instance))
            if (!ReferenceEquals(temporary, x))
                temporary.Dispose();
        return result;

        static Tensor As(Tensor values, ScalarType type) => values.dtype == type ? values : values.to(type);
    }

    private static Tensor Normalize(BatchNorm norm, Tensor x, Tensor mean, Tensor variance, Tensor scale, Tensor shift, bool training)
    {
        // libtorch refuses a single value. It equals its own mean, so the result and the gradient are zero.
        if (training && x.numel() == norm.Channels)
        {
            // As plain memory: autograd refuses the backward pass through earlier norms if it sees their common buffer change.
            x.detach().flatten().to(ScalarType.Float32).bytes.CopyTo(mean.bytes);
            variance.bytes.Clear();
            return F.batch_norm(x.PlusTensor(x.neg()), zeros_like(mean), ones_like(variance), scale, shift,
                training: false, eps: norm.Epsilon);
        }

        // A momentum of one sets the running statistics to those of this batch.
        return F.batch_norm(x, mean, variance, scale, shift, training, momentum: 1, norm.Epsilon);
    }

    private static Tensor Pad(Tensor x)
    {
        long padding = x.shape[1] / 2;
        return F.pad(x.slice(2, 0, x.shape[2], ZeroPad.Stride).slice(3, 0, x.shape[3], ZeroPad.Stride), [0, 0, 0, 0, padding, padding]);
    }

    private static Tensor Average(Tensor x, Window window, bool countsPadding)
    {
        if (HasOwnBorder(window))
            return F.avg_pool2d(x, Pair(window.Size), Pair(window.Stride), Padding(window), ceil_mode: false,
                count_include_pad: countsPadding);
        Tensor sums = F.avg_pool2d(Bordered(x, window, 0), Pair(window.Size), Pair(window.Stride), Padding(window));
        // The fraction of each window that is not border.
        return countsPadding ? sums
            : sums.div(F.avg_pool2d(Bordered(ones_like(x), window, 0), Pair(window.Size), Pair(window.Stride), Padding(window)));
    }

    /// <summary>Whether libtorch adds the border itself: opposite sides are equal and, as its pooling demands,
    /// at most half a window.</summary>
    private static bool HasOwnBorder(Window window) =>
        window.Padding.IsSymmetric && 2 * window.Padding.Top <= window.Size.Height && 2 * window.Padding.Left <= window.Size.Width;

    /// <summary>The input with its border, where libtorch does not add it.</summary>
    private static Tensor Bordered(Tensor x, Window window, double value) => !HasOwnBorder(window)
        ? F.pad(x, [window.Padding.Left, window.Padding.Right, window.Padding.Top, window.Padding.Bottom], value: value) : x;

    private static long[] Padding(Window window) => HasOwnBorder(window) ? [window.Padding.Top, window.Padding.Left] : [0, 0];

    private static long[] Pair(Extent extent) => [extent.Height, extent.Width];

    /// <summary>What dropout multiplies by: zero, or the factor that preserves the mean.</summary>
    private static Tensor Mask(double rate, Tensor x, int layer, ImageKeys keys)
    {
        Tensor mask = empty(x.shape);
        float kept = (float)(1 / (1 - rate));
        for (int image = 0; image < keys.Images.Length; image++)
        {
            RandomSequence random = keys.Sequence(layer, image);
            using Tensor part = mask.narrow(0, image, 1);
            foreach (ref float value in MemoryMarshal.Cast<byte, float>(part.bytes))
                value = random.NextUniform() < rate ? 0 : kept;
        }

        return mask.to(x.dtype);
    }
}
