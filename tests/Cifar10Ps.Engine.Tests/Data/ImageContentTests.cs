using Cifar10Ps.Data;
using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Data sets that are larger than the memory that they may take.</summary>
public sealed class ImageContentTests : IDisposable
{
    private const int ImageLength = 3 * 16 * 16;
    private readonly TemporaryFolder _folder = new();

    public ImageContentTests()
    {
        foreach ((int label, string name) in new[] { "dark", "light" }.Index())
        {
            Directory.CreateDirectory(_folder[name]);
            for (int i = 0; i < 12; i++)
                Draw($"{name}/{i}.png", (byte)(100 * label + 8 * i));
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, 0)]
    [InlineData(6, 6)]
    [InlineData(100, 24)]
    public void As_many_images_as_fit_are_kept_in_memory(int limit, int kept)
    {
        ImageDataset data = Read(limit);

        LabeledImage[] all = [.. data.Train.Concat(data.Test)];
        Assert.Equal(kept, all.Count(image => image.Content is PixelsInMemory));
        // Spread over both classes.
        Assert.Equal(kept / 2, all.Count(image => image.Content is PixelsInMemory && image.Label == 0));
        Assert.All(all, image => Assert.Equal(ImageFile.Read(image.Path!, 16, 16), image.GetPixels()));
    }

    [Fact]
    public void Nothing_else_depends_on_what_is_kept()
    {
        ImageDataset all = Read(24), none = Read(0);

        Assert.Equal(all.Fingerprint, none.Fingerprint);
        Assert.Equal(Preprocessing.Measure(all.Train).Mean, Preprocessing.Measure(none.Train).Mean);
        Assert.Equal(Preprocessing.Measure(all.Train).StandardDeviation, Preprocessing.Measure(none.Train).StandardDeviation);
        Assert.Equal(Train(all, 1), Train(none, 2));
    }

    [Fact]
    public void Mean_and_deviation_need_no_file()
    {
        ImageDataset none = Read(0);
        Preprocessing before = Preprocessing.Measure(none.Train);
        Directory.Delete(_folder["dark"], recursive: true);

        Assert.Equal(before.Mean, Preprocessing.Measure(none.Train).Mean);
    }

    [Fact]
    public void A_file_that_has_changed_or_vanished_is_named()
    {
        ImageDataset none = Read(0);
        LabeledImage[] dark = [.. none.Train.Where(image => image.LabelName == "dark")];
        Draw(Path.GetRelativePath(_folder.Path, dark[0].Path!), 250);
        File.Delete(dark[1].Path!);
        // The same picture in another file is no change.
        File.Copy(dark[2].Path!, dark[3].Path! + ".copy");
        File.Move(dark[3].Path! + ".copy", dark[2].Path!, overwrite: true);

        Assert.Contains(dark[0].Path!, AssertError("ImageChanged", () => dark[0].GetPixels()).Message, StringComparison.Ordinal);
        Assert.Contains(dark[1].Path!, AssertError("FileNotFound", () => dark[1].GetPixels()).Message, StringComparison.Ordinal);
        Assert.Equal(ImageLength, dark[2].GetPixels().Length);
    }

    [Fact]
    public void A_run_that_can_no_longer_read_a_file_keeps_its_checkpoint_and_goes_on_when_it_is_back()
    {
        float[] whole = Train(Read(24), 1);
        ImageDataset none = Read(0);
        // The last image of the second epoch.
        string run = _folder["run"],
            victim = none.Train[new RandomSequence(Options.Seed, RandomPurpose.Shuffle, 2).NextPermutation(none.TrainCount)[^1]].Path!;
        ImageClassifier model = Model(none);
        long steps = 0;
        Trainer trainer = Trainer.Start(model, none, Options, new OutputDirectory(run, keepCheckpoints: 1, replace: false), threads: 1);

        EngineException error = AssertError("FileNotFound", () =>
        {
            foreach (EpochReport report in trainer.Run())
            {
                steps = report.Step;
                File.Move(victim, victim + ".away");
            }
        });
        Assert.InRange(model.TrainedSteps, steps + 1, 2 * steps - 1);
        File.Move(victim + ".away", victim);
        foreach (EpochReport _ in Trainer.Resume(run, model, none, options => options,
            new OutputDirectory(run, keepCheckpoints: 1, replace: false), threads: 1).Run())
            ;

        Assert.Contains(victim, error.Message, StringComparison.Ordinal);
        Assert.Equal(whole, Values(model));
    }

    private static TrainingOptions Options =>
        Recipes.Options(Recipe.Fast) with { Epochs = 2, BatchSize = 8, Precision = Precision.Float32 };

    private static ImageClassifier Model(ImageDataset data) => NewResNet20(data.Classes, Shortcut.Projection, seed: 1);

    private static float[] Values(ImageClassifier model) => [.. model.Weights.Names.SelectMany(name => model.Weights[name])];

    private static float[] Train(ImageDataset data, int threads)
    {
        ImageClassifier model = Model(data);
        foreach (EpochReport _ in Trainer.Start(model, data, Options, threads: threads).Run())
            ;
        return Values(model);
    }

    private ImageDataset Read(int images) =>
        new ImageFolder(_folder.Path) { ImageSize = 16, MemoryLimit = images * ImageLength + 5 }.Read();

    private void Draw(string name, byte value)
    {
        using SKBitmap picture = new(16, 16);
        picture.Erase(new SKColor(value, (byte)(255 - value), 100));
        using SKData encoded = picture.Encode(SKEncodedImageFormat.Png, 90);
        _folder.Write(name, encoded.AsSpan());
    }
}
