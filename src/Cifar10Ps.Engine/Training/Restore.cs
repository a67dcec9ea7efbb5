namespace Cifar10Ps;

/// <summary>Which epoch's model a run leaves behind.</summary>
public enum Restore
{
    /// <summary>The last one.</summary>
    Last,

    /// <summary>The one with the best validation accuracy.</summary>
    Best,
}
