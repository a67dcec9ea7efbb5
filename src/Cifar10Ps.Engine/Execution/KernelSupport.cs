using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Execution;

/// <summary>What our kernels can compute on this processor, for each unit of a network: the only place that knows their limits.</summary>
internal static class KernelSupport
{
    private const int Block = MatrixProducts<Lanes4>.Block, Tile = 4, SinglePixels = 8, Period = NormKernels<Float32Element, Lanes4>.Period;

    // Measured with one image of 224 x 224 pixels in a ResNet-18.
    private const int MatrixChannels = 128, MatrixPixels = 100;

    private const int LongestRow = 8192;

    /// <summary>Values of fp32 in the widest vectors that this processor computes with.</summary>
    public static int Lanes => Lanes16.IsAccelerated ? Lanes16.Count : Lanes8.IsAccelerated ? Lanes8.Count : Lanes4.Count;

    /// <summary>Whether the processor has vectors at all.</summary>
    public static bool HasVectors => Lanes4.IsAccelerated;

    /// <summary>Whether <see cref="ConvolutionNorm{TElement, TLanes}"/> computes a unit: 64 values at a time.</summary>
    public static bool HasFusedTraining(Network network, Unit unit, IReadOnlyList<Shape> shapes) =>
        unit.Norm is not null && !unit.Layers.Any(layer => network.Layers[layer].IsFrozen)
        && network.Layers[unit.Layer].Operation is Convolution
        {
            HasBias: false, IsWhitening: false, Window.Padding.IsSymmetric: true,
        } convolution
        && (Period % convolution.OutputChannels == 0 || convolution.OutputChannels % Period == 0)
        && shapes[unit.Output].Length % Period == 0;

    /// <summary>Whether <see cref="FrozenNormPass{TElement, TLanes}"/> computes a unit.</summary>
    public static bool HasFrozenNorm(Network network, Unit unit, IReadOnlyList<Shape> shapes) =>
        unit.Norm is int norm && network.Layers[norm].IsFrozen && HasTrainedConvolution(network, unit.Layer, shapes)
        && network.Layers[unit.Layer].Operation is Convolution convolution && Filled(convolution) == convolution;

    /// <summary>Whether a convolution is trained by <see cref="KernelConvolution{TElement, TLanes}"/> although the unit is not fused.
    /// </summary>
    public static bool HasTrainedConvolution(Network network, int layer, IReadOnlyList<Shape> shapes) =>
        network.Layers[layer] is
        {
            IsFrozen: false, Operation: Convolution { HasBias: false, IsWhitening: false } convolution, Inputs: [int input],
        }
        && HasConvolution(Filled(convolution), shapes[input], network.NeedsGradient(input));

    /// <summary>A convolution whose inputs get channels of zeros, if whole vectors of channels are then computed faster than by
    /// libtorch: at most a quarter of them.</summary>
    public static Convolution Filled(Convolution convolution)
    {
        int channels = (convolution.InputChannels + Block - 1) / Block * Block;
        return convolution.Groups == 1 && 4 * (channels - convolution.InputChannels) <= channels
            ? convolution with { InputChannels = channels } : convolution;
    }

    /// <summary>Whether <see cref="KernelConvolution{TElement, TLanes}"/> computes a convolution.</summary>
    public static bool HasConvolution(Convolution convolution, Shape input, bool needsGradient) =>
        HasWinograd(convolution, input) || HasWindows(convolution, input, needsGradient);

    /// <summary>Whether <see cref="WindowConvolution{TElement, TLanes}"/> computes a convolution: whole vectors in a row of pixels and in
    /// each pixel of the output, and in one of the input if that takes a gradient; and windows of which some fit the caches.</summary>
    private static bool HasWindows(Convolution convolution, Shape input, bool needsGradient) =>
        HasVectors && convolution.Groups == 1
        && convolution.OutputChannels % Block == 0 && input.Width * convolution.InputChannels % Block == 0
        && (!needsGradient || convolution.InputChannels % Block == 0)
        && convolution.Window.Size.Height * convolution.Window.Size.Width * convolution.InputChannels <= LongestRow
        && IsInArray(new Shape(convolution.InputChannels, input.Height, input.Width), convolution.Window.Padding);

    /// <summary>Whether <see cref="Winograd{TElement, TLanes}"/> computes a convolution: 3 × 3 pixels with a border,
    /// whole vectors of channels, and tiles of which at least half lies inside the image.</summary>
    public static bool HasWinograd(Convolution convolution, Shape input) =>
        HasVectors && convolution.Groups == 1 && convolution.Window == Window.Square(3, 1, 1)
        && convolution.InputChannels % Block == 0
        && convolution.OutputChannels % Block == 0
        && 2 * input.Height * input.Width >= Tiled(input.Height) * Tiled(input.Width);

    /// <summary>Whether <see cref="Winograd{TElement, TLanes}"/> computes a folded unit.</summary>
    public static bool HasFoldedInference(Network network, Unit unit, IReadOnlyList<Shape> shapes) =>
        network.Layers[unit.Layer] is { Operation: Convolution convolution } layer
        && HasWinograd(convolution, shapes[layer.Inputs[0]]);

    /// <summary>Whether a convolution of one image has so few pixels, and so large a weight, that <see cref="MatrixConvolution"/> is
    /// faster than any other way.</summary>
    /// <param name="convolution">The convolution.</param>
    /// <param name="input">[batch, channels, height, width].</param>
    public static bool HasMatrix(Convolution convolution, ReadOnlySpan<long> input) =>
        input[0] == 1 && convolution.Groups == 1 && convolution.InputChannels >= MatrixChannels
        && input[2] * input[3] <= MatrixPixels * convolution.Window.Stride.Height * convolution.Window.Stride.Width;

    /// <summary>Whether a convolution only reads every second pixel (<see cref="EverySecondPixel{TElement, TLanes}"/>).</summary>
    public static bool HasEverySecondPixel(Convolution convolution, Shape input) =>
        convolution.Groups == 1 && convolution.Window == Window.Square(1, 2, 0)
        && convolution.InputChannels % Block == 0 && input.Height % 2 == 0 && input.Width % 2 == 0;

    /// <summary>Whether <see cref="SingleImageExecutor"/> computes a network: all of it, from the image to the classifier.</summary>
    public static bool HasSingleImage(Network network, IReadOnlyList<Shape> shapes) =>
        HasVectors && network.Classifier is not null && Pooled(network) is int pool
        && shapes.All(shape => IsInArray(shape, new Border(1, 1, 1, 1)))
        && Unit.Of(network).TakeWhile(unit => unit.Output != pool).All(unit => HasSingleImage(network, unit, shapes));

    /// <summary>Whether <see cref="Winograd{TElement, TLanes}"/> computes a convolution of one image: rows of pixels have a border
    /// there, so tiles must not reach over the lower edge.</summary>
    public static bool HasSingleImageWinograd(Convolution convolution, Shape input) =>
        HasWinograd(convolution, input) && input.Height % Tile == 0;

    /// <summary>The mean over all pixels that is the features, with nothing after it except layers that evaluation skips; null: they are
    /// something else.</summary>
    public static int? Pooled(Network network)
    {
        int layer = network.FeatureLayer;
        while (network.Layers[layer].Kind is LayerKind.Dropout || (network.Layers[layer].Kind == LayerKind.Flatten
            && network.Layers[network.Layers[layer].Inputs[0]].Operation is AveragePool { Window: null }))
            layer = network.Layers[layer].Inputs[0];
        return network.Layers[layer].Operation is AveragePool { Window: null } ? layer : null;
    }

    /// <summary>Whether the values of one image with its border fit into an array.</summary>
    private static bool IsInArray(Shape image, Border border) =>
        (long)(image.Height + border.Top + border.Bottom) * (image.Width + border.Left + border.Right) * image.Channels
            <= Array.MaxLength - Block;

    private static int Tiled(int length) => (length + Tile - 1) / Tile * Tile;

    private static bool HasSingleImage(Network network, Unit unit, IReadOnlyList<Shape> shapes)
    {
        Layer layer = network.Layers[unit.Layer];
        (Shape input, Shape output) = (shapes[layer.Inputs[0]], shapes[unit.Output]);
        return layer.Operation switch
        {
            Convolution { Groups: 1, Window: var window, OutputChannels: var outputs } =>
                outputs % Block == 0 && output.Width % SinglePixels == 0
                && window.Size.Height is 1 or 3 && window == Window.Square(window.Size.Height, window.Stride.Height, window.Size.Height / 2)
                && input.Width == output.Width * window.Stride.Width && input.Height == output.Height * window.Stride.Height,
            ZeroPad => input.Width % 2 == 0 && input.Height % 2 == 0,
            _ => false,
        };
    }
}
