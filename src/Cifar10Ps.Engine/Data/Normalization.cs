namespace Cifar10Ps;

/// <summary>What an untrained model's preprocessing makes of pixel values.</summary>
public enum Normalization
{
    /// <summary>Mean 0 and standard deviation 1 of each channel, by those of the training images.</summary>
    Measured,

    /// <summary>Nothing: values from 0 to 1.</summary>
    None,
}
