
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Execution;

/// <summary>Chooses how a network is computed, by processor, precision and size, and says what it chose and why.</summary>
internal static class Executors
{
    /// <summary>The fastest way for a worker to train a network on this machine.</summary>
    /// <param name="master">The values.</param>
    /// <param name="image">Size of the images.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    public static ITrainingExecutor ForTraining(NetworkWeights master, Shape image, Precision precision) =>
        !KernelSupport.HasVectors || !HasOurKernels(master.Network, image) ? new LibtorchExecutor(master, precision)
        : precision == Precision.BFloat16 ? Fused<BFloat16Element>(master, image, precision)
        : Fused<Float32Element>(master, image, precision);

    /// <summary>The fastest way to compute many images.</summary>
    public static FoldedExecutor ForInference(ModelSnapshot model, Precision precision) =>
        new(model.Network, model.Weights, model.ImageShape, precision);

    /// <summary>The fastest way to compute a single image, in fp32; null: there is no special one.</summary>
    /// <param name="model">The model.</param>
    /// <param name="isShared">Whether it may use a second thread.</param>
    public static SingleImageExecutor? ForOneImage(ModelSnapshot model, bool isShared) =>
        HasSingleImage(model) ? new SingleImageExecutor(model.Network, model.Weights, model.ImageShape, isShared) : null;

    /// <summary>How a network is trained, and why, in a sentence.</summary>
    public static string DescribeTraining(Network network, Shape image, Precision precision)
    {
        if (!KernelSupport.HasVectors)
            return $"{network.Name} is trained in {precision} by libtorch, because this processor lacks the vectors that the kernels need.";
        if (network.HasFrozenBackbone)
            return $"The classifier of {network.Name} is trained by libtorch on features that are computed once.";
        Shape[] shapes = network.Shapes(image.Height, image.Width);
        Unit[] convolutions = [.. Convolutions(network)];
        ILookup<bool, Unit> isFused = convolutions.ToLookup(
            unit => KernelSupport.HasFusedTraining(network, unit, shapes) || KernelSupport.HasFrozenNorm(network, unit, shapes));
        (int fused, int alone) = (isFused[true].Count(),
            isFused[false].Count(unit => KernelSupport.HasTrainedConvolution(network, unit.Layer, shapes)));
        return fused + alone == 0 ? $"{network.Name} is trained in {precision} by libtorch, because none of its layers suits the kernels."
            : $"{network.Name} is trained in {precision} by fused kernels: {fused} of {convolutions.Length} convolutions with their norms, "
                + $"additions and activations{(alone == 0 ? "" : $", and {alone} without")}; libtorch computes the rest.";
    }

    /// <summary>How a network is computed, and why, in a sentence.</summary>
    public static string DescribeInference(ModelSnapshot model, Precision precision)
    {
        Shape[] shapes = model.Network.Shapes(model.Preprocessing.Height, model.Preprocessing.Width);
        Unit[] convolutions = [.. Convolutions(model.Network)];
        int ours = convolutions.Count(unit => KernelSupport.HasFoldedInference(model.Network, unit, shapes));
        return $"{model.Name} is computed in {Precisions.Resolve(precision)} "
            + (convolutions.Length == 0 ? "by libtorch; " : "with batch norm folded into its convolutions: "
                + $"{ours} of {convolutions.Length} by kernels of the module, the rest by libtorch; ")
            + (HasSingleImage(model) && precision != Precision.BFloat16
                ? "a single image in Float32 without libtorch." : "a single image in the same way.");
    }

    private static ITrainingExecutor Fused<TElement>(NetworkWeights master, Shape image, Precision precision)
        where TElement : struct, IElement => KernelSupport.Lanes switch
        {
            16 => new FusedExecutor<TElement, Lanes16>(master, image, precision),
            8 => new FusedExecutor<TElement, Lanes8>(master, image, precision),
            _ => new FusedExecutor<TElement, Lanes4>(master, image, precision),
        };

    private static bool HasSingleImage(ModelSnapshot model) =>
        KernelSupport.HasSingleImage(model.Network, model.Network.Shapes(model.Preprocessing.Height, model.Preprocessing.Width));

    private static IEnumerable<Unit> Convolutions(Network network) =>
        Unit.Of(network).Where(unit => network.Layers[unit.Layer].Kind == LayerKind.Convolution);

    private static bool HasOurKernels(Network network, Shape image)
    {
        Shape[] shapes = network.Shapes(image.Height, image.Width);
        return Convolutions(network).Any(unit => KernelSupport.HasFusedTraining(network, unit, shapes)
            || KernelSupport.HasTrainedConvolution(network, unit.Layer, shapes));
    }
}
