using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Accepts a whole data set where images are expected, and takes its training images.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TrainingImagesTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is ImageDataset dataset
            ? (LabeledImage[])[.. dataset.Train] : inputData;
}
