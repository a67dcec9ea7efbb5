using System.Buffers.Binary;
using Cifar10Ps.Formats;
using SkiaSharp;
using Tensorboard;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class TensorBoardTests : IDisposable
{
    private static readonly string[] TrainingTags = ["loss/train", "accuracy/train", "learning_rate", "images_per_second"];
    private static readonly string[] ValidationTags = ["loss/validation", "accuracy/validation", "predictions", "confusion_matrix"];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_begins_as_all_event_files_do()
    {
        string path = EventFile.Create(_folder["new"], firstStep: 7);

        // The length of the first message, 24 bytes, and its checksum, as TensorFlow writes them.
        Assert.Equal("1800000000000000A37F4B22", Convert.ToHexString(File.ReadAllBytes(path).AsSpan(0, 12)));
        Event[] events = Read(path);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.Equal(SessionLog.Types.SessionStatus.Start, events[1].SessionLog.Status);
        Assert.Equal(7, events[1].Step);
        Assert.InRange(DateTimeOffset.FromUnixTimeMilliseconds((long)(1000 * events[1].WallTime)),
            DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow);
    }

    [Theory]
    [InlineData("123456789", 0xE3069283)]
    [InlineData("", 0)]
    public void The_checksum_is_that_of_the_standard(string text, uint crc) =>
        Assert.Equal(unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8),
            EventFile.MaskedChecksum(System.Text.Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void A_run_leaves_the_figures_and_the_pictures_of_each_epoch()
    {
        Trainer trainer = NewRun(TinyOptions(), Output());
        trainer.Observer = new TensorBoardLog(_folder.Path);

        EpochReport[] reports = trainer.RunToEnd();

        Event[] epochs = [.. Read(Assert.Single(EventFile.In(_folder.Path))).Where(e => e.Summary is not null)];
        Assert.Equal([1, 2], epochs.Select(e => e.Step));
        foreach ((EpochReport report, Event epoch) in reports.Zip(epochs))
        {
            Dictionary<string, Summary.Types.Value> values = epoch.Summary.Value.ToDictionary(value => value.Tag);
            Assert.Equal([.. TrainingTags.Concat(ValidationTags).Order(StringComparer.Ordinal)], values.Keys.Order(StringComparer.Ordinal));
            Assert.Equal((float)report.Loss, values["loss/train"].SimpleValue);
            Assert.Equal((float)report.ValidationLoss!, values["loss/validation"].SimpleValue);
            Assert.Equal((float)report.Accuracy, values["accuracy/train"].SimpleValue);
            Assert.Equal((float)report.ValidationAccuracy!, values["accuracy/validation"].SimpleValue);
            Assert.Equal((float)report.LearningRate, values["learning_rate"].SimpleValue);
            Assert.Equal((float)report.ImagesPerSecond, values["images_per_second"].SimpleValue);
            foreach (Summary.Types.Image image in values.Values.Select(value => value.Image).OfType<Summary.Types.Image>())
            {
                using SKBitmap picture = SKBitmap.Decode(image.EncodedImageString.ToByteArray());
                Assert.Equal((image.Width, image.Height), (picture.Width, picture.Height));
                Assert.True(picture.Pixels.Distinct().Count() > 10);
            }
        }

        Assert.NotEqual(epochs[0].Summary.Value.Single(v => v.Tag == "predictions").Image,
            epochs[1].Summary.Value.Single(v => v.Tag == "predictions").Image);
    }

    [Fact]
    public void An_epoch_without_validation_has_the_figures_of_the_training_only()
    {
        Trainer trainer = NewRun(TinyOptions(), Output());
        trainer.EvaluateEvery = 2;
        trainer.Observer = new TensorBoardLog(_folder.Path);

        trainer.RunToEnd();

        Event[] epochs = [.. Read(Assert.Single(EventFile.In(_folder.Path))).Where(e => e.Summary is not null)];
        Assert.Equal(TrainingTags, epochs[0].Summary.Value.Select(value => value.Tag));
        Assert.Equal(TrainingTags.Length + ValidationTags.Length, epochs[1].Summary.Value.Count);
    }

    [Fact]
    public void A_run_that_goes_back_to_an_earlier_epoch_has_each_epoch_once()
    {
        foreach (EpochReport report in Logged(NewRun(TinyOptions(epochs: 4), Output())).Run())
            if (report.Epoch == 3)
                break;
        Logged(Resume("checkpoint-epoch-0001.safetensors", Output())).RunToEnd();

        string[] files = [.. EventFile.In(_folder.Path).Order(StringComparer.Ordinal)];
        Assert.Equal([[1, 2, 3], [2, 3, 4]],
            files.Select(file => Read(file).Where(e => e.Summary is not null).Select(e => e.Step).ToArray()));
        Assert.Equal([1, 2, 3, 4], StepsShown(files));
    }

    [Fact]
    public void A_file_comes_after_those_that_are_there_even_if_the_clock_was_set_back()
    {
        // Of the year 2096, and two whose names are no times.
        string future = _folder.Write("events.out.tfevents.4000000000.0.cifar10ps", []);
        string[] others = [_folder.Write("events.out.tfevents.-1.cifar10ps", []),
            _folder.Write("events.out.tfevents.99999999999999999999.cifar10ps", [])];

        string[] created = [EventFile.Create(_folder.Path, 1), EventFile.Create(_folder.Path, 1)];

        Assert.Equal([future, .. created], EventFile.In(_folder.Path).Except(others).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_run_that_goes_on_elsewhere_brings_its_earlier_figures_along()
    {
        Assert.Equal(2, NewRun(TinyOptions(epochs: 3), Output()).Run().Take(2).Count());
        EpochReport[] reports = Logged(Resume("checkpoint-latest.safetensors", null)).RunToEnd();

        Event[] epochs = [.. Read(Assert.Single(EventFile.In(_folder.Path))).Where(e => e.Summary is not null)];
        Assert.Equal([1, 2, 3], epochs.Select(e => e.Step));
        Assert.Equal(epochs.OrderBy(e => e.WallTime), epochs);
        Assert.Contains(epochs[0].Summary.Value, value => value.Tag == "accuracy/validation");
        Assert.Equal(3, Assert.Single(reports).Epoch);
    }

    [Fact]
    public void A_run_without_an_epoch_leaves_no_file_and_a_new_run_removes_those_of_the_old_one()
    {
        string old = EventFile.Create(_folder.Path, 1), foreign = _folder.Write("events.out.tfevents.1.elsewhere", []);
        Trainer trainer = Logged(NewRun(TinyOptions(), Output(replace: true)));

        Assert.Throws<OperationCanceledException>(() => trainer.RunToEnd(cancellation: new CancellationToken(true)));

        Assert.Empty(EventFile.In(_folder.Path));
        Assert.False(File.Exists(old));
        Assert.True(File.Exists(foreign));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_an_error()
    {
        _folder.Write("file", []);

        AssertError("FileNotWritable", () => EventFile.Create(_folder["file"], 1));
    }

    private Trainer Logged(Trainer trainer)
    {
        trainer.Observer = new TensorBoardLog(_folder.Path);
        return trainer;
    }

    private OutputDirectory Output(bool replace = false) => new(_folder.Path, 3, replace);

    private Trainer Resume(string checkpoint, OutputDirectory? output) =>
        Trainer.Resume(_folder[checkpoint], null, TinyData, options => options, output, 2);

    /// <summary>The steps that TensorBoard shows for some files: it drops what is at or after the step of a later start.</summary>
    private static List<long> StepsShown(IEnumerable<string> files)
    {
        List<long> steps = [];
        foreach (Event item in files.SelectMany(Read))
        {
            if (item.SessionLog is not null)
                steps.RemoveAll(step => step >= item.Step);
            if (item.Summary is not null)
                steps.Add(item.Step);
        }

        return steps;
    }

    /// <summary>All events of a file, whose checksums must be right.</summary>
    private static Event[] Read(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        List<Event> events = [];
        for (int at = 0; at < content.Length;)
        {
            int length = (int)BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(at));
            Assert.Equal(Checksum(content.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at + 8)));
            Assert.Equal(Checksum(content.AsSpan(at + 12, length)),
                BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at + 12 + length)));
            events.Add(Event.Parser.ParseFrom(content, at + 12, length));
            at += 16 + length;
        }

        return [.. events];
    }

    private static uint Checksum(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
        }

        crc = ~crc;
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8);
    }
}
