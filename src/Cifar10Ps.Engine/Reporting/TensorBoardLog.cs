using Cifar10Ps.Formats;
using Cifar10Ps.Reporting;
using Cifar10Ps.Training;
using Google.Protobuf;
using Tensorboard;

namespace Cifar10Ps;

/// <summary>
/// Tells TensorBoard how a run goes: after each epoch, whose number is the step, loss and accuracy, the learning rate,
/// the speed, a sheet of sample predictions and the confusion matrix.
/// </summary>
/// <param name="folder">The folder for the event files; a run that goes on adds one.</param>
public sealed class TensorBoardLog(string folder) : ITrainingObserver
{
    private const int SampleCount = 28;
    private string? _file;

    /// <summary>Adds an epoch; some images of each class of its validation are the samples.</summary>
    /// <exception cref="EngineException"><c>FileNotWritable</c>.</exception>
    void ITrainingObserver.OnEpoch(TrainedEpoch epoch)
    {
        (IReadOnlyList<EpochReport> history, Evaluation? evaluation, ImageClassifier model, IReadOnlyList<LabeledImage> images,
            Precision precision) = epoch;
        EpochReport report = history[^1];
        DateTimeOffset now = DateTimeOffset.UtcNow;
        List<Event> events = [];
        // Created with the first epoch: a run that has none leaves nothing.
        if (_file is null)
        {
            bool isFirst = EventFile.In(folder) is [];
            _file = EventFile.Create(folder, isFirst ? 1 : report.Epoch);
            // What a run did elsewhere before it went on here.
            events.AddRange((isFirst ? history.SkipLast(1) : [])
                .Select(earlier => ToEvent(earlier, now - (report.Elapsed - earlier.Elapsed))));
        }

        Event last = ToEvent(report, now);
        if (evaluation is not null)
        {
            last.Summary.Value.Add(
                ToValue("predictions", PredictionSheet.Draw(Sample(model, images, precision), SampleCount, topLosses: false)));
            if (evaluation.Classes.Count <= ConfusionMatrixPlot.MaximumClasses)
                last.Summary.Value.Add(ToValue("confusion_matrix", ConfusionMatrixPlot.Draw(evaluation, ConfusionMatrixCell.Both)));
        }

        EventFile.Append(_file, [.. events, last]);
    }

    private static Prediction[] Sample(ImageClassifier model, IReadOnlyList<LabeledImage> images, Precision precision)
    {
        using Predictor predictor = new(model, threads: 1, precision);
        return [.. predictor.Predict(PredictionSheet.Sample(images, SampleCount, image => image.LabelName), 1)];
    }

    private static Event ToEvent(EpochReport report, DateTimeOffset time)
    {
        Event result = new() { WallTime = EventFile.ToWallTime(time), Step = report.Epoch, Summary = new Summary() };
        Add("loss/train", report.Loss);
        Add("loss/validation", report.ValidationLoss);
        Add("accuracy/train", report.Accuracy);
        Add("accuracy/validation", report.ValidationAccuracy);
        Add("learning_rate", report.LearningRate);
        Add("images_per_second", report.ImagesPerSecond);
        return result;

        void Add(string tag, double? value)
        {
            if (value is double number)
                result.Summary.Value.Add(new Summary.Types.Value { Tag = tag, SimpleValue = (float)number });
        }
    }

    private static Summary.Types.Value ToValue(string tag, Picture picture) => new()
    {
        Tag = tag,
        Image = new Summary.Types.Image
        {
            Width = picture.Width,
            Height = picture.Height,
            Colorspace = 4,
            EncodedImageString = ByteString.CopyFrom(picture.ToPng(scale: 1)),
        },
    };
}
