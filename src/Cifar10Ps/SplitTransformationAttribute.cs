using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Accepts a whole data set where a split is expected, and takes its test split.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SplitTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is ImageDataset dataset ? dataset.Test : inputData;
}
