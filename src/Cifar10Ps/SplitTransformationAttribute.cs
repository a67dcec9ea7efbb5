using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Accepts a whole data set where a split is expected, and takes one of its splits.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SplitTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>Whether it takes the images to choose by, instead of those to be tested on.</summary>
    public bool IsForChoosing { get; init; }

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is ImageDataset dataset
            ? IsForChoosing ? dataset.Validation : dataset.Test : inputData;
}
