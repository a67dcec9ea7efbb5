namespace Cifar10Ps.Distribution;

/// <summary>Whether a rank wants the run to stop; of several wishes, the highest counts.</summary>
internal enum StopWish
{
    /// <summary>It goes on.</summary>
    None,

    /// <summary>Its time is over.</summary>
    TimeLimit,

    /// <summary>It was cancelled.</summary>
    Cancelled,
}
