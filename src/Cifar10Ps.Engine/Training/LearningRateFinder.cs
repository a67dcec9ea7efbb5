using System.Globalization;
using Cifar10Ps.Data;
using Cifar10Ps.Execution;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;
using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>
/// The learning rate range test: trains a copy of a model for a few steps while the learning rate grows by the same factor each step, and
/// watches the loss.
/// </summary>
/// <remarks>L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.</remarks>
public static class LearningRateFinder
{
    /// <summary>Weight of earlier losses in the smoothed loss, for a hundred steps; shorter tests remember less.</summary>
    private const double Memory = 0.9;

    /// <summary>The test ends when the smoothed loss exceeds its minimum by this factor.</summary>
    private const double Divergence = 4;

    /// <summary>The part of the steps whose smoothed losses are not judged: the first of them are those of single batches.</summary>
    private const double Settling = 0.1;

    /// <summary>Runs the test. Shuffle and augmentation are those of a training with the same seed, so it is reproducible.</summary>
    /// <param name="model">The model; it is not changed. See <see cref="Recipe"/> for what happens to the copy of an untrained one.</param>
    /// <param name="data">The data: its training images.</param>
    /// <param name="options">Batch size, optimizer and so on; learning rate, schedule and number of epochs are ignored.</param>
    /// <param name="lowest">First learning rate.</param>
    /// <param name="highest">Last learning rate; above the first one.</param>
    /// <param name="steps">Number of steps, at least 2.</param>
    /// <param name="threads">Number of workers; null: one for each processor. It does not change the result.</param>
    /// <param name="progress">Receives each step, on the caller's thread; null disables it.</param>
    /// <param name="cancellation">Ends the test after the step that is being done.</param>
    /// <exception cref="EngineException"><c>ClassMismatch</c>, <c>ClassCountMismatch</c>, <c>ImageSizeMismatch</c>, <c>InvalidRange</c>,
    /// <c>OptionOutOfRange</c>, <c>InvalidClassWeights</c>, <c>NotEnoughMemory</c>, <c>TrainingDiverged</c>,
    /// <c>NativeBackendNotLoaded</c>.</exception>
    /// <exception cref="OperationCanceledException">The test was cancelled.</exception>
    public static LearningRateRange Run(ImageClassifier model, ImageDataset data, TrainingOptions options, double lowest = 1e-5,
        double highest = 10, int steps = 100, int? threads = null, Action<LearningRatePoint>? progress = null,
        CancellationToken cancellation = default)
    {
        if (!(lowest > 0 && lowest < highest && double.IsFinite(highest)) || steps < 2)
            throw new EngineException("InvalidRange", ErrorKind.InvalidArgument,
                $"{steps} learning rates from {lowest} to {highest} are not a range: give at least two, from a lower to a higher one.");
        options.Require();
        (ModelSnapshot named, data) = ClassMatching.ForTraining(model.Snapshot, data);
        ModelSnapshot start = Recipes.Prepare(named, options, data.Train);
        start.Network.Require(start.Preprocessing.Height, start.Preprocessing.Width);
        EpochOrder order = new(data.Train, options);
        float[]? classWeights = order.ClassWeights(start.Classes);
        using NativeWork.Scope work = NativeWork.Begin();
        using WorkerPool pool = new(threads ?? WorkerPool.DefaultCount);
        TrainingMemory.Require(start, options, pool.Count, ShardedBatch.ShardCount(Math.Min(options.BatchSize, data.Train.Count)), 1);
        // The epochs that train the classifier alone, if there are any, are not what the learning rate is limited by.
        Network part = TrainedPart.Of(start.Network, options, options.ClassifierEpochs + 1);
        FeatureTable? features = part.HasFrozenBackbone
            ? new FeatureTable(start, pool, Precisions.Resolve(options.Precision), data.Train, null, cancellation) : null;
        using TrainingStep trainingStep = new(pool, start, part, options, classWeights, features);

        List<LearningRatePoint> points = [];
        bool diverged = false;
        double average = 0, memory = Math.Pow(Memory, 100.0 / steps);
        int settling = (int)(steps * Settling);
        EpochPlan plan = new(data.Train.Count, options with { LimitSteps = 0 });
        foreach (TrainingImage[] images in Batches(order, plan).Take(steps))
        {
            cancellation.ThrowIfCancellationRequested();
            NativeWork.Ending.ThrowIfCancellationRequested();
            int step = points.Count;
            double rate = lowest * Math.Pow(highest / lowest, (double)step / (steps - 1));
            (Tensor gradients, double lossSum, _) = trainingStep.Compute(images, plan.WeightOf(images.Length));
            double loss = lossSum / images.Length;
            if (diverged = !double.IsFinite(loss))
                break;
            // Corrects the bias towards the initial zero.
            average = memory * average + (1 - memory) * loss;
            points.Add(new LearningRatePoint(step + 1, rate, loss, average / (1 - Math.Pow(memory, step + 1))));
            progress?.Invoke(points[^1]);
            if (diverged = points.Count > settling
                && points[^1].SmoothedLoss > Divergence * points.Skip(settling).Min(point => point.SmoothedLoss))
                break;
            trainingStep.Update(gradients, rate, step + 1);
        }

        if (points.Count == 0)
            throw new EngineException("TrainingDiverged", ErrorKind.InvalidArgument,
                "The loss is NaN or infinite from the start: the model has weights that cannot be trained. Use another model.");
        return new LearningRateRange(points, settling, diverged);
    }

    /// <summary>The batches of a training, epoch after epoch, endlessly.</summary>
    private static IEnumerable<TrainingImage[]> Batches(EpochOrder order, EpochPlan plan)
    {
        for (int epoch = 1; ; epoch++)
        {
            TrainingImage[] images = order.At(epoch);
            for (int done = 0, end; done < plan.ImageCount; done = end)
            {
                end = plan.EndOfBatch(done);
                yield return images[done..end];
            }
        }
    }
}

/// <summary>A step of a learning rate range test.</summary>
/// <param name="Step">Step, from 1.</param>
/// <param name="LearningRate">Learning rate of the step.</param>
/// <param name="Loss">Mean loss of the step's batch, before the step, in nats.</param>
/// <param name="SmoothedLoss">Exponential moving average of the losses up to here, in nats.</param>
public sealed record LearningRatePoint(int Step, double LearningRate, double Loss, double SmoothedLoss)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture, $"{LearningRate:0.0E+0}: {SmoothedLoss:F4}");
}

/// <summary>What a learning rate range test found.</summary>
public sealed class LearningRateRange
{
    /// <summary>The smoothed loss lags behind the loss: with a hundred steps over six decades by ten of them, a factor of 4.</summary>
    private const double Caution = 0.25;

    internal LearningRateRange(IReadOnlyList<LearningRatePoint> points, int settling, bool diverged)
    {
        Points = new([.. points]);
        LowestLoss = Points.Skip(Math.Min(settling, Points.Count - 1)).MinBy(point => point.SmoothedLoss)!;
        Diverged = diverged;
    }

    /// <summary>A learning rate to start with, as the peak of a schedule: a quarter of <see cref="LowestLossRate"/>.</summary>
    public double Suggestion => LowestLossRate * Caution;

    /// <summary>The learning rate with the lowest smoothed loss after the first tenth of the steps; above it, training becomes
    /// unstable.</summary>
    public double LowestLossRate => LowestLoss.LearningRate;

    /// <summary>The step that <see cref="LowestLossRate"/> is of.</summary>
    internal LearningRatePoint LowestLoss { get; }

    /// <summary>Whether the loss exploded, which ended the test; if not, the range may not reach far enough.</summary>
    public bool Diverged { get; }

    /// <summary>The steps, in order.</summary>
    public ReadOnlyList<LearningRatePoint> Points { get; }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture, $"{Suggestion:0.0E+0}");
}
