using System.Globalization;
using System.Text;
using Cifar10Ps.Data;
using Cifar10Ps.Runtime;
using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Folders of pictures: classes, their names, and the images.</summary>
public sealed class ImageFolderTests : ImageFolderTestBase
{
    [Theory]
    [InlineData("/data/a.png", "/data", true)]
    [InlineData("/data/a.png", "/", true)]
    [InlineData("/database/a.png", "/data", false)]
    [InlineData("/data", "/data", false)]
    public void A_file_is_within_a_folder_or_the_root(string path, string folder, bool expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "paths of Unix");
        Assert.Equal(expected, FolderPath.IsWithin(path, folder));
    }

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
    public void All_endings_of_the_formats_count()
    {
        foreach (string ending in new[] { ".jpg", ".jpeg", ".jpe", ".jfif", ".JFIF" })
            Draw("jpeg", 1, format: SKEncodedImageFormat.Jpeg, ending: ending);
        Draw("other", 1, ending: ".png");
        Draw("other", 1, format: SKEncodedImageFormat.Webp, ending: ".webp");

        Assert.Equal(7, Read().Train.Count + Read().Test.Count);
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
    [InlineData(0.79, 0.2)]
    [InlineData(0.8, 0)]
    [InlineData(0.81, 0)]
    public void What_is_held_out_to_test_leaves_room_for_training(double test, double validation)
    {
        Draw("a", 100);
        Draw("b", 100);

        ImageDataset data = new ImageFolder(_folder.Path) { TestFraction = test }.Read();

        Assert.Equal(200 * test, data.TestCount, 1e-9);
        Assert.Equal(200 * (1 - test - validation), data.TrainCount, 1e-9);
    }

    [Fact]
    public void A_character_that_is_none_does_not_reach_the_class()
    {
        Draw("a\ufffe", 2);
        Draw("b", 2);

        Assert.Equal(["a\\ufffe", "b"], Read().Classes);
    }

    [Fact]
    public void Pictures_for_testing_are_others_than_those_for_validation()
    {
        Draw("a", 20);
        Draw("b", 20);

        ImageDataset two = Read(), three = new ImageFolder(_folder.Path) { TestFraction = 0.1 }.Read();

        Assert.Equal((28, 8, 4), (three.TrainCount, three.ValidationCount, three.TestCount));
        // The same pictures as without any for testing.
        Assert.Equal(two.Test.Select(image => image.Path), three.Validation.Select(image => image.Path));
        Assert.Equal(40, three.Train.Concat(three.Validation).Concat(three.Test).Select(image => image.Path).Distinct().Count());
        AssertError("InvalidFractions", () => new ImageFolder(_folder.Path) { ValidationFraction = 0.5, TestFraction = 0.5 }.Read());
    }

    [Fact]
    public void A_file_is_no_data_set() => AssertError("NotAFolder", () => new ImageFolder(_folder.Write("photos.zip", [1])).Read());

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
}
