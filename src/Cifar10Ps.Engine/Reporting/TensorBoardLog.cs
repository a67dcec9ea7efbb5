using Cifar10Ps.Formats;
using Cifar10Ps.Reporting;
using Cifar10Ps.Training;
using Google.Protobuf;
using Tensorboard;

namespace Cifar10Ps;

/// <summary>
/// Logs a run for TensorBoard: after each epoch, whose number is the step, loss and accuracy, the learning rate, the speed, a sheet of
/// sample predictions and the confusion matrix.
/// </summary>
/// <param name="folder">The folder for the event files; a resumed run adds one.</param>
public sealed class TensorBoardLog(string folder) : ITrainingObserver
{
    private const int SampleCount = 28;
    private string? _file;

    /// <summary>Adds an epoch; the samples are some validation images of each class.</summary>
    /// <exception cref="EngineException"><c>FileNotWritable</c>.</exception>
    void ITrainingObserver.OnEpoch(TrainedEpoch epoch)
    {
        (IReadOnlyList<EpochReport> history, Evaluation? evaluation, ImageClassifier model, IReadOnlyList<LabeledImage> images,
            Precision precision) = epoch;
        EpochReport report = history[^1];
        DateTimeOffset now = DateTimeOffset.UtcNow;
        List<Event> events = [];
        // Created with the first epoch: a run without epochs leaves no file.
        if (_file is null)
        {
            bool isFirst = EventFile.In(folder) is [];
            _file = EventFile.Create(folder, isFirst ? 1 : report.Epoch);
            // What a run did elsewhere before it was resumed here.
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
