using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class ImageFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<(string Path, string ErrorId)> _skipped = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_folder_is_a_class_and_every_picture_is_in_one_split_with_its_file()
    {
        string[] files = [.. Draw("cat", 10), .. Draw("bird", 5), .. Draw("bird/young", 5), .. Draw("élan [1]", 10)];

        ImageDataset data = Read();

        Assert.Equal(["bird", "cat", "élan [1]"], data.Classes);
        Assert.Equal((24, 6), (data.Train.Count, data.Test.Count));
        Assert.Equal([2, 2, 2], data.Test.CountBy(image => image.Label).Select(count => count.Value));
        Assert.Equal(files.Order(StringComparer.Ordinal), data.Train.Concat(data.Test).Select(image => image.Path!).Order(StringComparer.Ordinal));
        Assert.All(data.Train.Index(), item => Assert.Equal(item.Index, item.Item.Index));
        Assert.All(data.Train.Concat(data.Test), image =>
        {
            Assert.StartsWith(_folder[image.LabelName], image.Path!, StringComparison.Ordinal);
            Assert.Equal(data.Classes[image.Label], image.LabelName);
            Assert.Equal(ImageFile.Read(image.Path!, 32, 32), image.GetPixels());
        });
        Assert.Equal((_folder.Path, Path.GetFileName(_folder.Path)), (data.Source, data.Name));
        Assert.Empty(_skipped);
    }

    [Fact]
    public void The_split_depends_on_the_names_and_the_seed_alone()
    {
        Draw("a", 50);
        Draw("b", 50);
        string[] first = HeldOut(_folder, 0), other = HeldOut(_folder, 1);

        // Written in another order, at another place.
        using TemporaryFolder copy = new();
        foreach (string file in Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories).OrderDescending(StringComparer.Ordinal))
        {
            string target = copy[Path.GetRelativePath(_folder.Path, file)];
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        Assert.Equal(first, HeldOut(_folder, 0));
        Assert.Equal(first, HeldOut(copy, 0));
        Assert.NotEqual(first, other);
        // Not simply every fifth.
        Assert.True(first.Select(name => Path.GetFileName(name)).Distinct().Count() > 10);

        File.Delete(_folder["a/7.png"]);
        Assert.InRange(first.Except(HeldOut(_folder, 0)).Count(), 0, 1);

        static string[] HeldOut(TemporaryFolder folder, int seed) =>
            [.. new ImageFolder(folder.Path) { Seed = seed }.Read().Test.Select(image => Path.GetRelativePath(folder.Path, image.Path!))];
    }

    [Theory]
    [InlineData(0, 20, 0, 20)]
    [InlineData(0.25, 20, 5, 15)]
    [InlineData(0.01, 20, 1, 19)]
    [InlineData(0.9, 2, 1, 1)]
    [InlineData(0.5, 1, 0, 1)]
    public void A_share_of_each_class_is_held_out_but_never_all_of_it(double fraction, int count, int test, int train)
    {
        Draw("a", count);
        Draw("b", count);

        ImageDataset data = new ImageFolder(_folder.Path) { ValidationFraction = fraction }.Read();

        Assert.Equal((2 * test, 2 * train), (data.Test.Count, data.Train.Count));
    }

    [Fact]
    public void Pictures_of_any_size_and_format_become_images_of_one_size()
    {
        Draw("a", 1, 200, 100, SKEncodedImageFormat.Jpeg, ".JPG");
        Draw("a", 1, 9, 9, SKEncodedImageFormat.Png, ".png");
        Draw("b", 1, 64, 300, SKEncodedImageFormat.Webp, ".webp");

        ImageDataset data = new ImageFolder(_folder.Path) { ImageSize = 48, ValidationFraction = 0 }.Read();

        Assert.Equal(3, data.Train.Count);
        Assert.All(data.Train, image => Assert.Equal((48, 48, 3 * 48 * 48), (image.Width, image.Height, image.GetPixels().Length)));
    }

    [Fact]
    public void A_photo_that_is_decoded_smaller_shows_the_same()
    {
        using SKBitmap picture = new(1600, 1200);
        using (SKCanvas canvas = new(picture))
        {
            canvas.Clear(SKColors.Navy);
            canvas.DrawCircle(800, 600, 400, new SKPaint { Color = SKColors.Orange });
        }

        byte[][] pixels = [.. new[] { SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Webp, SKEncodedImageFormat.Png }.Select(format =>
        {
            using SKData encoded = picture.Encode(format, 95);
            return ImageFile.Read(_folder.Write("photo", encoded.AsSpan()), 32, 32);
        })];

        Assert.InRange(MeanDifference(pixels[0], pixels[2]), 0, 4);
        Assert.InRange(MeanDifference(pixels[1], pixels[2]), 0, 4);

        static double MeanDifference(byte[] a, byte[] b) => a.Zip(b).Average(pair => Math.Abs(pair.First - pair.Second));
    }

    [Fact]
    public void What_cannot_be_read_is_named_and_left_out()
    {
        Draw("a", 5);
        Draw("b", 5);
        byte[] whole = File.ReadAllBytes(_folder["a/0.png"]);
        File.WriteAllBytes(_folder["a/cut.png"], whole[..(whole.Length / 2)]);
        File.WriteAllText(_folder["a/text.jpg"], "no picture");
        File.WriteAllBytes(_folder["b/empty.bmp"], []);
        Directory.CreateDirectory(_folder["c"]);
        File.WriteAllText(_folder["c/readme.txt"], "");

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal(10, data.Train.Count + data.Test.Count);
        Assert.Equal([("a/cut.png", "InvalidImageFile"), ("a/text.jpg", "InvalidImageFile"), ("b/empty.bmp", "InvalidImageFile"), ("c", "EmptyClass")], _skipped.Order());
    }

    [Fact]
    public void Hidden_files_and_what_is_no_picture_do_not_count()
    {
        Draw("a", 2);
        Draw("b", 2);
        Draw(".thumbnails", 2);
        Draw("a/.cache", 2);
        File.Copy(_folder["a/0.png"], _folder["a/._0.png"]);
        File.Copy(_folder["a/0.png"], _folder["loose.png"]);
        File.WriteAllText(_folder["a/Thumbs.db"], "");

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal(4, data.Train.Count + data.Test.Count);
        Assert.Empty(_skipped);
    }

    [Fact]
    public void Links_are_named_and_not_followed()
    {
        Draw("a", 2);
        Draw("b", 2);
        using TemporaryFolder elsewhere = new();
        elsewhere.Write("secret.png", File.ReadAllBytes(_folder["a/0.png"]));
        File.CreateSymbolicLink(_folder["a/link.png"], elsewhere["secret.png"]);
        Directory.CreateSymbolicLink(_folder["b/loop"], _folder.Path);
        Directory.CreateSymbolicLink(_folder["c"], elsewhere.Path);

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal(4, data.Train.Count + data.Test.Count);
        Assert.Equal([("a/link.png", "LinkNotFollowed"), ("b/loop", "LinkNotFollowed"), ("c", "LinkNotFollowed")], _skipped.Order());
    }

    [Fact]
    public void A_pipe_is_not_waited_for()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs mkfifo");
        Draw("a", 2);
        Draw("b", 2);
        System.Diagnostics.Process.Start("mkfifo", [_folder["a/pipe.png"]]).WaitForExit();

        Read();

        Assert.Equal([("a/pipe.png", "InvalidImageFile")], _skipped);
    }

    [Theory]
    [InlineData]
    [InlineData("a")]
    public void A_folder_with_fewer_than_two_classes_is_refused(params string[] classes)
    {
        foreach (string name in classes)
            Draw(name, 3);
        Directory.CreateDirectory(_folder["empty"]);

        AssertError("TooFewClasses", () => Read());
    }

    [Fact]
    public void A_folder_that_is_missing_is_refused() =>
        AssertError("DatasetNotFound", () => new ImageFolder(_folder["nowhere"]).Read());

    [Fact]
    public void Thousands_of_files_are_read_with_progress_and_a_stop_within_them()
    {
        // Nearly all fail at once.
        Draw("a", 2);
        Draw("b", 2);
        for (int i = 0; i < 3_000; i++)
            File.WriteAllBytes(_folder[$"a/no-{i:D4}.png"], [1]);
        List<int> progress = [];

        ImageDataset data = Read((done, total) =>
        {
            Assert.Equal(3_004, total);
            progress.Add(done);
        });

        Assert.Equal(Enumerable.Range(1, 3_004), progress);
        Assert.Equal(3_000, _skipped.Count);
        Assert.Equal(_skipped.Order(), _skipped);
        Assert.Equal(4, data.Train.Count + data.Test.Count);

        using CancellationTokenSource stop = new();
        int last = 0;
        Assert.Throws<OperationCanceledException>(() => Read((done, _) =>
        {
            last = done;
            if (done == 100)
                stop.Cancel();
        }, stop.Token));
        Assert.InRange(last, 100, 1_500);
    }

    [Fact]
    public void More_than_the_memory_holds_is_refused()
    {
        EngineException error = AssertError("NotEnoughMemory", () => MachineMemory.Require(1L << 60, "A whale", "Take a smaller one."));

        Assert.StartsWith("A whale would take about 1152921504", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Take a smaller one.", error.Message, StringComparison.Ordinal);
        MachineMemory.Require(1_000, "A fly", "");
    }

    private ImageDataset Read(Action<int, int>? progress = null, CancellationToken cancellation = default) => new ImageFolder(_folder.Path)
    {
        Skipped = (path, error) => _skipped.Add((Path.GetRelativePath(_folder.Path, path).Replace('\\', '/'), error.ErrorId)),
    }.Read(progress, cancellation);

    /// <summary>Draws pictures 0.png, 1.png … that all differ.</summary>
    private string[] Draw(string folder, int count, int width = 40, int height = 30, SKEncodedImageFormat format = SKEncodedImageFormat.Png, string ending = ".png")
    {
        Directory.CreateDirectory(_folder[folder]);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            using SKBitmap picture = new(width, height);
            picture.Erase(new SKColor((byte)(folder.Length * 40), (byte)(i * 4), 100));
            using SKData encoded = picture.Encode(format, 90);
            return _folder.Write($"{folder}/{i}{ending}", encoded.AsSpan());
        })];
    }
}
