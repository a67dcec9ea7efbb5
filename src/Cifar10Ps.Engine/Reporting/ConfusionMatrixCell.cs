namespace Cifar10Ps;

/// <summary>What is written into the cells of a confusion matrix.</summary>
public enum ConfusionMatrixCell
{
    /// <summary>Number and share.</summary>
    Both,

    /// <summary>Number of images.</summary>
    Count,

    /// <summary>Share of the images of the true class.</summary>
    Percentage,
}
