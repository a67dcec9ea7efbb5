namespace Cifar10Ps.Training;

/// <summary>Which part of a network an epoch trains: a pure function of options and epoch.</summary>
internal static class TrainedPart
{
    /// <summary>Whether an epoch trains nothing but the classifier.</summary>
    /// <param name="network">The network; without a classifier, all epochs train all of it.</param>
    /// <param name="options">What the run does.</param>
    /// <param name="epoch">Epoch, from 1.</param>
    public static bool IsClassifier(Network network, TrainingOptions options, int epoch) =>
        network.Classifier is not null && (options.Freeze == Freeze.Backbone || epoch <= options.ClassifierEpochs);

    /// <summary>The first epoch of the part that an epoch trains: the optimizer's moments begin at zero there.</summary>
    public static int FirstEpoch(Network network, TrainingOptions options, int epoch) =>
        IsClassifier(network, options, epoch) || !IsClassifier(network, options, 1) ? 1 : options.ClassifierEpochs + 1;

    /// <summary>The network as an epoch trains it, with frozen layers.</summary>
    public static Network Of(Network network, TrainingOptions options, int epoch) =>
        IsClassifier(network, options, epoch) ? network.Frozen(layer => layer != network.Classifier)
        : options.Freeze == Freeze.Norm ? network.Frozen(layer => layer.Kind == LayerKind.BatchNorm)
        : network;
}
