
namespace Cifar10Ps;

/// <summary>What a layer of a network does.</summary>
public enum LayerKind
{
    /// <summary>Takes the normalised images.</summary>
    Input,

    /// <summary>Subtracts the mean image of the training data.</summary>
    MeanImage,

    /// <summary>Convolution.</summary>
    Convolution,

    /// <summary>Batch norm.</summary>
    BatchNorm,

    /// <summary>Clips values below zero.</summary>
    ReLU,

    /// <summary>Clips values below zero, and above a limit.</summary>
    ClippedReLU,

    /// <summary>Gaussian error linear unit.</summary>
    Gelu,

    /// <summary>Multiplies by a number.</summary>
    Scale,

    /// <summary>Every second pixel, and twice the channels, of which the new ones are zero.</summary>
    ZeroPad,

    /// <summary>Adds the outputs of two layers: the shortcut of a block.</summary>
    Add,

    /// <summary>Largest value of a window.</summary>
    MaxPool,

    /// <summary>Mean of a window, or of all pixels of a channel.</summary>
    AveragePool,

    /// <summary>A feature map as a vector, channel by channel.</summary>
    Flatten,

    /// <summary>Sets random values to zero, in training only.</summary>
    Dropout,

    /// <summary>Linear layer: a product with a matrix.</summary>
    Linear,
}
