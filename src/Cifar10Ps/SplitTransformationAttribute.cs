using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Accepts a whole data set where a split is expected, and takes one of its splits.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SplitTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>The split that it takes, by the name of the property.</summary>
    public string Part { get; init; } = nameof(ImageDataset.Test);

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is not ImageDataset dataset ? inputData : Part switch
        {
            nameof(ImageDataset.Train) => dataset.Train,
            nameof(ImageDataset.Validation) => dataset.Validation,
            _ => dataset.Test,
        };
}
