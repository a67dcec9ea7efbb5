using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Finds a learning rate to train with: takes steps at ever higher rates on a copy of a model, and watches the loss.</summary>
[Cmdlet(VerbsCommon.Find, "LearningRate")]
[OutputType(typeof(LearningRateRange))]
public sealed class FindLearningRateCommand : TrainingCommand
{
    /// <summary>The model; it is not changed.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? Model { get; set; }

    /// <summary>First learning rate.</summary>
    [Parameter]
    [ValidateRange(1e-12, 1e6)]
    [NumberTransformation]
    public double Minimum { get; set; } = 1e-5;

    /// <summary>Last learning rate.</summary>
    [Parameter]
    [ValidateRange(1e-12, 1e6)]
    [NumberTransformation]
    public double Maximum { get; set; } = 10;

    /// <summary>Number of steps from the first to the last learning rate.</summary>
    [Parameter]
    [ValidateRange(2, 100_000)]
    [NumberTransformation]
    public int Steps { get; set; } = 100;

    /// <inheritdoc/>
    private protected override void Train()
    {
        WarnOf(Precision ?? default);
        ImageClassifier model = Require(Model);
        using ProgressReporter progress = new(this);
        WriteObject(LearningRateFinder.Run(model, Dataset, Requested().Resolve(model), Minimum, Maximum, Steps, Threads,
            at => progress.Report(() => [ProgressReporter.Record(1, $"Finding a learning rate for {model.Name}",
                $"Step {at.Step} of {Steps}, learning rate {at.LearningRate:0.0E+0}, loss {at.SmoothedLoss:F3}",
                at.Step, Steps)]), StopToken));
    }
}
