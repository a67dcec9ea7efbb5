namespace Cifar10Ps;

/// <summary>What training leaves as it is.</summary>
public enum Freeze
{
    /// <summary>Nothing: everything is trained.</summary>
    None,

    /// <summary>Batch norm: its running statistics, scales and shifts. It normalises by its running statistics.</summary>
    Norm,

    /// <summary>Everything but the classifier, running statistics included.</summary>
    Backbone,
}
