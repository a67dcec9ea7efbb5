using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Lets a whole data set be given where a split is wanted: its test split.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SplitTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is ImageDataset dataset ? dataset.Test : inputData;
}
