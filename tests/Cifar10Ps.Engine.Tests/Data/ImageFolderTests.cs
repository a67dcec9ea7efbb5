using System.Globalization;
using System.Text;
using Cifar10Ps.Data;
using Cifar10Ps.Runtime;
using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class ImageFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<(string Path, string ErrorId)> _skipped = [];
    private readonly List<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_folder_is_a_class_and_every_picture_is_in_one_split_with_its_file()
    {
        string[] files = [.. Draw("cat", 10), .. Draw("bird", 5), .. Draw("bird/young", 5), .. Draw("élan [1]", 10)];

        ImageDataset data = Read();

        Assert.Equal(["bird", "cat", "élan [1]"], data.Classes);
        Assert.Equal((24, 6), (data.Train.Count, data.Test.Count));
        Assert.Equal([2, 2, 2], data.Test.CountBy(image => image.Label).Select(count => count.Value));
        Assert.Equal(files.Order(StringComparer.Ordinal),
            data.Train.Concat(data.Test).Select(image => image.Path!).Order(StringComparer.Ordinal));
        Assert.All(data.Train.Index(), item => Assert.Equal(item.Index, item.Item.Index));
        Assert.All(data.Train.Concat(data.Test), image =>
        {
            Assert.StartsWith(_folder[image.LabelName], image.Path!, StringComparison.Ordinal);
            Assert.Equal(data.Classes[image.Label], image.LabelName);
            Assert.Equal(ImageFile.Read(image.Path!, 32, 32), image.GetPixels());
        });
        Assert.Equal((_folder.Path, Path.GetFileName(_folder.Path)), (data.Source, data.Name));
        Assert.Empty(_skipped);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void The_split_depends_on_the_names_and_the_seed_alone()
    {
        Draw("a", 50);
        Draw("b", 50);
        string[] first = HeldOut(_folder, 0), other = HeldOut(_folder, 1);

        // Written in another order, to another place.
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
        Assert.Equal([("a/cut.png", "InvalidImageFile"), ("a/text.jpg", "InvalidImageFile"),
            ("b/empty.bmp", "InvalidImageFile"), ("c", "EmptyClass")], _skipped.Order());
    }

    [Fact]
    public void What_systems_put_into_folders_is_passed_over_without_a_word()
    {
        Draw("a", 2);
        Draw("b", 2);
        byte[] picture = File.ReadAllBytes(_folder["a/0.png"]);
        foreach (string name in new[] { "__MACOSX", "@eaDir", ".git", ".svn", ".ipynb_checkpoints",
            ".thumbnails", "$RECYCLE.BIN", "System Volume Information", "lost+found" })
        {
            Draw(name, 2);
            Draw("a/" + name, 2);
        }

        foreach (string name in new[] { "Thumbs.db", "desktop.ini", ".DS_Store", "._0.png", ".gitignore", ".directory" })
        {
            _folder.Write(name, picture);
            _folder.Write("a/" + name, picture);
        }

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal(4, data.Train.Count + data.Test.Count);
        Assert.Empty(_skipped);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void What_else_is_left_out_is_counted_by_reason_in_one_warning()
    {
        Draw("a", 2);
        Draw("b", 2);
        byte[] picture = File.ReadAllBytes(_folder["a/0.png"]);
        Draw("a/.cache", 2);
        _folder.Write("b/.secret.png", picture);
        _folder.Write("loose.png", picture);
        _folder.Write("labels.csv", picture);
        _folder.Write("a/readme.txt", picture);
        _folder.Write("a/scan.tif", "II*\0"u8);
        _folder.Write("a/phone.jpg", "\0\0\0\u0018ftypheic\0\0\0\0mif1heic"u8);
        _folder.Write("b/phone.HEIC", "\0\0\0\u0018ftypheic\0\0\0\0mif1heic"u8);
        // Judged by its content, it is a readable picture.
        _folder.Write("b/wrong.tiff", picture);

        ImageDataset data = Read();

        Assert.Equal(5, data.Train.Count + data.Test.Count);
        Assert.Empty(_skipped);
        string warning = Assert.Single(_warnings).Replace('\\', '/');
        Assert.StartsWith($"Left out of '{_folder.Path}': ", warning, StringComparison.Ordinal);
        foreach (string part in new[]
        {
            "hidden: 2 (such as 'a/.cache')", "files without a picture extension: 2 (such as 'labels.csv')",
            "pictures in a format that is not supported: 3 (such as 'a/phone.jpg')",
            "pictures outside the class folders: 1 ('loose.png')",
        })
            Assert.Contains(part, warning, StringComparison.Ordinal);
    }

    [Fact]
    public void All_endings_of_the_formats_count()
    {
        foreach (string ending in new[] { ".jpg", ".jpeg", ".jpe", ".jfif", ".JFIF" })
            Draw("jpeg", 1, format: SKEncodedImageFormat.Jpeg, ending: ending);
        Draw("other", 1, ending: ".png");
        Draw("other", 1, format: SKEncodedImageFormat.Webp, ending: ".webp");

        Assert.Equal(7, Read().Train.Count + Read().Test.Count);
    }

    [Fact]
    public void A_class_without_a_picture_that_can_be_read_is_named()
    {
        Draw("a", 2);
        Draw("b", 2);
        Directory.CreateDirectory(_folder["c"]);
        _folder.Write("c/scan.tif", "MM\0*"u8);

        Assert.Equal(["a", "b"], Read().Classes);
        Assert.Equal([("c", "EmptyClass")], _skipped);
    }

    /// <summary>macOS and Linux spell é in one character or in two.</summary>
    [Fact]
    public void The_spelling_of_names_changes_neither_classes_nor_split()
    {
        string[][] heldOut = [.. new[] { NormalizationForm.FormC, NormalizationForm.FormD }.Select(form =>
        {
            string root = $"as-{form}";
            // In one spelling the cup comes before the cuff, in the other after it.
            foreach (string name in new[] { "tasse é", "tasse f", "größe" })
                Draw($"{root}/{name.Normalize(form)}", 12, names: i => $"prêt {i}".Normalize(form));
            ImageDataset data = new ImageFolder(_folder[root]).Read();
            Assert.Equal(["größe", "tasse f", "tasse é"], data.Classes);
            return data.Test.Select(image => Path.GetRelativePath(_folder[root], image.Path!).Normalize()).ToArray();
        })];

        Assert.Equal(6, heldOut[0].Length);
        Assert.Equal(heldOut[0], heldOut[1]);
    }

    [Theory]
    [InlineData("tr-TR")]
    [InlineData("sv-SE")]
    [InlineData("th-TH")]
    public void The_culture_changes_neither_classes_nor_split(string culture)
    {
        foreach (string name in new[] { "I", "i", "Z", "ö", "a" })
            Draw(name, 6);
        CultureInfo before = CultureInfo.CurrentCulture;
        ImageDataset here = Read(), there;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
            there = Read();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        Assert.Equal(["I", "Z", "a", "i", "ö"], here.Classes);
        Assert.Equal(here.Classes, there.Classes);
        Assert.Equal(here.Test.Select(image => image.Path), there.Test.Select(image => image.Path));
    }

    [Fact]
    public void One_name_in_two_spellings_is_one_class_with_a_warning()
    {
        Draw("café".Normalize(NormalizationForm.FormC), 3);
        Draw("café".Normalize(NormalizationForm.FormD), 3);
        Draw("bar", 3);
        Assert.SkipWhen(Directory.GetDirectories(_folder.Path).Length < 3, "the file system has only one spelling");

        ImageDataset data = Read();

        Assert.Equal(["bar", "café"], data.Classes);
        Assert.Equal(9, data.Train.Count + data.Test.Count);
        Assert.Contains("2 folders 'café'", _warnings[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Cat", "cat")]
    [InlineData("cat", "cat ")]
    [InlineData("cat", "ｃat")] // a full-width c
    public void Names_that_look_alike_are_two_classes_with_a_warning(string one, string other)
    {
        Draw(one, 3);
        Draw(other, 3);
        Draw("dog", 3);
        Assert.SkipWhen(Directory.GetDirectories(_folder.Path).Length < 3, "to the file system, the names are the same");

        Assert.Equal(3, Read().Classes.Length);
        Assert.Contains($"'{one}'", Assert.Single(_warnings), StringComparison.Ordinal);
        Assert.Contains($"'{other}'", _warnings[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Pictures_that_differ_in_their_endings_only_give_a_warning()
    {
        Draw("a", 3);
        Draw("a", 2, format: SKEncodedImageFormat.Jpeg, ending: ".jpg");
        Draw("b", 3);

        Assert.Equal(8, Read().Train.Count + Read().Test.Count);
        Assert.StartsWith($"2 pictures of '{_folder.Path}'", _warnings[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Control_characters_in_a_name_do_not_reach_the_class()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows file systems do not allow such names");
        Draw("cat\u001b[31m", 3);
        Draw("dog", 3);

        Assert.Equal([@"cat\u001b[31m", "dog"], Read().Classes);
    }

    [Theory]
    [InlineData("train", "test")]
    [InlineData("Training", "Validation", "test")]
    public void Splits_are_not_taken_for_classes(params string[] splits)
    {
        foreach (string split in splits)
        {
            Draw(split + "/a", 2);
            Draw(split + "/b", 2);
        }

        EngineException error = AssertError("SplitsNotClasses", () => Read());

        Assert.Contains(_folder[splits[0]], error.Message, StringComparison.Ordinal);
        Assert.Equal(["a", "b"], new ImageFolder(_folder[splits[0]]).Read().Classes);
    }

    [Fact]
    public void Classes_may_be_called_like_splits()
    {
        Draw("train", 2);
        Draw("test", 2);

        Assert.Equal(["test", "train"], Read().Classes);
    }

    [Fact]
    public void A_file_is_no_data_set() => AssertError("NotAFolder", () => new ImageFolder(_folder.Write("photos.zip", [1])).Read());

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

        Assert.Equal([("a/pipe.png", "NotARegularFile")], _skipped);
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
        EngineException error = AssertError("NotEnoughMemory", () => MachineMemory.Require(1L << 60, "A whale"));

        Assert.StartsWith("A whale would take about 1152921504", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("are free.", error.Message, StringComparison.Ordinal);
        MachineMemory.Require(1_000, "A fly");
    }

    private ImageDataset Read(Action<int, int>? progress = null, CancellationToken cancellation = default) => new ImageFolder(_folder.Path)
    {
        Skipped = (path, error) => _skipped.Add((Path.GetRelativePath(_folder.Path, path).Replace('\\', '/'), error.ErrorId)),
        Warning = _warnings.Add,
    }.Read(progress, cancellation);

    /// <summary>Draws pictures 0.png, 1.png … that all differ.</summary>
    private string[] Draw(string folder, int count, int width = 40, int height = 30,
        SKEncodedImageFormat format = SKEncodedImageFormat.Png, string ending = ".png", Func<int, string>? names = null)
    {
        Directory.CreateDirectory(_folder[folder]);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            using SKBitmap picture = new(width, height);
            picture.Erase(new SKColor((byte)(folder.Length * 40), (byte)(i * 4), 100));
            using SKData encoded = picture.Encode(format, 90);
            return _folder.Write($"{folder}/{names?.Invoke(i) ?? $"{i}"}{ending}", encoded.AsSpan());
        })];
    }
}
