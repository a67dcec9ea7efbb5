namespace Cifar10Ps;

/// <summary>How an untrained model's preprocessing normalises pixel values.</summary>
public enum Normalization
{
    /// <summary>Mean 0 and standard deviation 1 in each channel, by the statistics of the training images.</summary>
    Measured,

    /// <summary>Nothing: values from 0 to 1.</summary>
    None,
}
