using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Inference;

/// <summary>
/// How much each place of an image adds to the logit of a class: a class activation map. It is exact where the network ends with the mean
/// over all pixels and, after it, at most one linear layer: the logit is the mean of the map, apart from the bias.
/// </summary>
/// <param name="Height">Height of the map, that of the last feature map.</param>
/// <param name="Width">Its width.</param>
/// <param name="Values">The values, row by row.</param>
/// <remarks>B. Zhou et al., "Learning deep features for discriminative localization", CVPR 2016.</remarks>
internal sealed record ActivationMap(int Height, int Width, float[] Values)
{
    /// <summary>Computes the maps of images.</summary>
    /// <param name="predictor">The classifier.</param>
    /// <param name="images">The images, each with the index of the class whose map is wanted.</param>
    /// <exception cref="EngineException"><c>NoActivationMap</c>, <c>ImageSizeMismatch</c>.</exception>
    public static IEnumerable<ActivationMap> Of(Predictor predictor, IReadOnlyList<(LabeledImage Image, int Class)> images)
    {
        ModelSnapshot model = predictor.Model;
        if (KernelSupport.Pooled(model.Network) is not int pool || model.Network.Layers[pool].Inputs[0] is not (> 0 and var last))
            throw new EngineException("NoActivationMap", ErrorKind.InvalidArgument, $"The guesses of a {model.Name} cannot be explained: "
                + "its last layers are not the mean over all pixels and at most one linear layer after it.");
        Shape shape = model.Network.Shapes(model.Preprocessing.Height, model.Preprocessing.Width)[last];
        float[]? weight = model.Network.Classifier?.Tensor(TensorRole.LinearWeight) is { } tensor ? model.Weights[tensor.Name] : null;
        foreach ((LabeledImage Image, int Class)[] portion in images.Chunk(predictor.BatchSize))
        {
            float[][] features = predictor.Outputs([.. portion.Select(item => item.Image)], last)[0];
            foreach ((float[] channels, int label) in features.Zip(portion, (channels, item) => (channels, item.Class)))
                yield return new ActivationMap(shape.Height, shape.Width, Sum(channels, label));
        }

        float[] Sum(float[] channels, int label)
        {
            int plane = shape.Height * shape.Width;
            // Without a linear layer, each class has a channel.
            if (weight is null)
                return channels[(label * plane)..((label + 1) * plane)];
            float[] sums = new float[plane];
            for (int k = 0; k < shape.Channels; k++)
                for (int i = 0; i < plane; i++)
                    sums[i] += weight[label * shape.Channels + k] * channels[k * plane + i];
            return sums;
        }
    }
}
