using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Accepts a data set, a split or a model where class names are expected, and takes its class names.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ClassesTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            ImageDataset dataset => dataset.Classes,
            ImageSplit split => split.Classes,
            ImageClassifier model => model.Classes,
            _ => inputData,
        };
}
