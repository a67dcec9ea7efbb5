using System.Management.Automation;
using Cifar10Ps.Execution;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that use a model on images, either of which may come from the pipeline.</summary>
public abstract class PredictingCommand : EngineCommand
{
    /// <summary>Name of the parameter set of <see cref="Image"/>.</summary>
    private protected const string ImageSet = "Image";

    /// <summary>Name of the parameter set of a split.</summary>
    private protected const string DatasetSet = "Dataset";

    /// <summary>The model.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? Model { get; set; }

    /// <summary>Images of a data set: <c>$cifar.Test | Measure-Model …</c>.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public virtual LabeledImage[] Image { get; set; } = [];

    /// <summary>Precision of convolutions and activations; Auto is bf16 where the processor has it, fp32 elsewhere.</summary>
    [Parameter]
    public Precision Precision { get; set; }

    /// <summary>Number of worker threads.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    [NumberTransformation]
    public int? Threads { get; set; }

    /// <summary>Whether models come from the pipeline, one after the other.</summary>
    private protected bool IsModelPiped => !IsNamed(nameof(Model));

    /// <summary>Does what there is to do with a model from the pipeline; one that does not suit the images does not stop the
    /// next.</summary>
    private protected void WithPipedModel(Action use)
    {
        try
        {
            use();
        }
        catch (EngineException e) when (e.ErrorId is "ClassMismatch" or "ClassCountMismatch" or "ImageSizeMismatch" or "InvalidNetwork"
            or "WeightsNotFinite" or "ModelInTraining")
        {
            WriteError(ToErrorRecord(e, Model));
        }
    }

    /// <summary>Says how images are computed.</summary>
    private protected void Describe(Predictor predictor)
    {
        WriteVerbose(Executors.DescribeInference(predictor.Model, Precision));
        WarnOf(Precision);
    }
}
