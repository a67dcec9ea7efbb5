namespace Cifar10Ps.Training;

/// <summary>What a run trains and validates on, and in which batches.</summary>
internal sealed class RunImages
{
    /// <summary>Divides the images of a run.</summary>
    /// <exception cref="EngineException"><c>NoImages</c>, <c>InvalidClassWeights</c>.</exception>
    public RunImages(RunStart start)
    {
        TrainingOptions options = start.State.Options;
        (Train, Validation) = HoldOut.Split(start.Data, options.ValidationCount);
        Plan = new EpochPlan(Train.Count, options);
        Order = new EpochOrder(Train, options);
        ClassWeights = Order.ClassWeights(start.Model.Classes);
    }

    /// <summary>The images to train on.</summary>
    public IReadOnlyList<LabeledImage> Train { get; }

    /// <summary>The images to validate on; may be none.</summary>
    public IReadOnlyList<LabeledImage> Validation { get; }

    /// <summary>How an epoch is cut into batches.</summary>
    public EpochPlan Plan { get; }

    /// <summary>The order of each epoch.</summary>
    public EpochOrder Order { get; }

    /// <summary>How much each class counts in the loss; null: all the same.</summary>
    public float[]? ClassWeights { get; }
}
