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
    private readonly List<string> _warnings = [], _understood = [];

    public void Dispose() => _folder.Dispose();

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
    public void Folders_of_the_system_beside_the_parts_are_no_classes()
    {
        foreach (string name in new[] { "train/a", "train/b", "@eaDir", "#recycle/a" })
            Draw(name, 10);

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((16, 4), (data.Train.Count, data.Test.Count));
    }

    [Fact]
    public void The_same_picture_in_two_parts_is_warned_of_and_so_are_classes_that_differ_in_case()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || OperatingSystem.IsMacOS(), "the file system has only one spelling");
        foreach (string name in new[] { "train/a", "train/A", "test/a", "test/A" })
            Draw(name, 2);
        File.Copy(_folder["train/a/0.png"], _folder["test/a/copy.png"]);

        Read();

        Assert.Contains(_warnings, warning => warning.Contains("1 image is in more than one part", StringComparison.Ordinal));
        Assert.Contains(_warnings, warning => warning.Contains("'A', 'a'", StringComparison.Ordinal));
    }

    [Fact]
    public void A_part_that_is_a_link_is_named_where_the_parts_are_not_understood()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege");
        using TemporaryFolder elsewhere = new();
        Draw("val/a", 2);
        Draw("val/b", 2);
        Directory.CreateSymbolicLink(_folder["train"], elsewhere.Path);

        AssertError("SplitsNotClasses", () => Read());

        Assert.Contains(_skipped, skipped => skipped.ErrorId == "LinkNotFollowed");
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
    [InlineData("train", "val", "test")]
    [InlineData("Training", "VALID", "Testing")]
    [InlineData("TRAIN", "Validation", "test")]
    public void Folders_of_parts_are_understood_and_said(string train, string validation, string test)
    {
        foreach ((string part, int count) in new[] { (train, 6), (validation, 4), (test, 2) })
            Parts(part, count);
        _folder.Write("readme.txt", [1]);

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((12, 8, 4), (data.TrainCount, data.ValidationCount, data.TestCount));
        Assert.All(data.Train, image => Assert.StartsWith(_folder[train], image.Path!, StringComparison.Ordinal));
        Assert.All(data.Validation, image => Assert.StartsWith(_folder[validation], image.Path!, StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, 8), data.Validation.Select(image => image.Index));
        Assert.Equal($"'{_folder.Path}' is read in parts: '{train}' for training, '{validation}' for validation, '{test}' for testing.",
            Assert.Single(_understood));
        Assert.Contains("'readme.txt'", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("val")]
    [InlineData("test")]
    public void The_only_other_part_serves_for_validation_and_testing(string other)
    {
        Parts("train", 6);
        Parts(other, 4);

        ImageDataset data = Read();

        Assert.Equal((12, 8), (data.TrainCount, data.TestCount));
        Assert.False(data.HasOwnValidation);
        Assert.Empty(_warnings);
        Assert.EndsWith($"'train' for training, '{other}' for validation and testing.", Assert.Single(_understood),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_part_can_be_held_out_of_the_training_pictures()
    {
        Parts("train", 10);
        Parts("val", 4);

        ImageDataset data = new ImageFolder(_folder.Path) { TestFraction = 0.2 }.Read();

        Assert.Equal((16, 8, 4), (data.TrainCount, data.ValidationCount, data.TestCount));
        AssertError("PartGivenTwice", () => new ImageFolder(_folder.Path) { ValidationFraction = 0.2 }.Read());
    }

    [Fact]
    public void A_folder_for_training_alone_is_a_folder_of_classes()
    {
        Parts("train", 10);

        ImageDataset data = Read();

        Assert.Equal((16, 4), (data.TrainCount, data.TestCount));
        Assert.Equal(data.Test.Select(image => image.Path), new ImageFolder(_folder["train"]).Read().Test.Select(image => image.Path));
    }

    [Fact]
    public void Parts_may_lie_elsewhere()
    {
        Parts("train", 6);
        Parts("val", 4);
        Draw("more/a", 3);
        Draw("more/b", 3);

        ImageDataset both = new ImageFolder(_folder["train"])
        {
            ValidationPath = _folder["val"], TestPath = _folder["more"] + Path.DirectorySeparatorChar,
        }.Read();
        ImageDataset instead = new ImageFolder(_folder.Path) { ValidationPath = _folder["more"] }.Read();

        Assert.Equal((12, 8, 6), (both.TrainCount, both.ValidationCount, both.TestCount));
        Assert.Equal((12, 6), (instead.TrainCount, instead.ValidationCount));
        AssertError("PartGivenTwice", () => new ImageFolder(_folder["train"]) { TestPath = _folder["train"] }.Read());
        AssertError("DatasetNotFound", () => new ImageFolder(_folder["train"]) { TestPath = _folder["nowhere"] }.Read());
    }

    [Fact]
    public void Pictures_of_another_part_are_no_class_however_deep_they_lie()
    {
        Parts("pics", 6);
        Parts("pics/eval/test", 3);

        ImageDataset data = new ImageFolder(_folder["pics"])
        {
            TestPath = _folder["pics/eval/test"], ValidationFraction = 0, Skipped = (path, _) => Assert.Fail(path), Warning = Assert.Fail,
        }.Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((12, 6), (data.TrainCount, data.TestCount));
    }

    [Fact]
    public void A_folder_is_the_same_by_way_of_a_link()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege");
        Parts("pics", 6);
        Parts("pics/holdout", 3);
        Directory.CreateSymbolicLink(_folder["link"], _folder["pics"]);

        ImageDataset data = new ImageFolder(_folder["link"]) { TestPath = _folder["pics/holdout"], ValidationFraction = 0 }.Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((12, 6), (data.TrainCount, data.TestCount));
        AssertError("PartGivenTwice", () => new ImageFolder(_folder["link"]) { TestPath = _folder["pics"] }.Read());
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
    public void A_class_that_a_part_lacks_is_told_and_still_a_class()
    {
        foreach (string folder in new[] { "train/cat", "train/dog", "train/owl", "val/cat", "val/dog", "val/yak", "test/owl" })
            Draw(folder, 2);

        ImageDataset data = Read();

        Assert.Equal(["cat", "dog", "owl", "yak"], data.Classes);
        Assert.Equal([3, 3], data.Validation.Where(image => image.LabelName == "yak").Select(image => image.Label));
        Assert.Equal($"The parts of '{data.Name}' have different classes: the images for training show no 'yak', which cannot be learned; "
            + "the images for validation show no 'owl'; the images for testing show no 'cat', 'dog', 'yak'.", Assert.Single(_warnings));
    }

    [Fact]
    public void What_lies_beside_the_parts_is_counted()
    {
        Parts("train", 2);
        Parts("val", 2);
        Draw("test", 3);
        Draw("train", 1);
        Draw("unlabelled/x", 3);

        Assert.Equal((4, 4), (Read().TrainCount, Read().TestCount));
        Assert.Contains("folders beside those of the parts: 2 (such as 'test'); pictures outside the class folders: 1 ('train/0.png')",
            _warnings[0].Replace('\\', '/'), StringComparison.Ordinal);
    }

    [Fact]
    public void Pictures_for_training_must_be_readable()
    {
        Parts("val", 2);
        foreach (string name in new[] { "a", "b" })
        {
            Directory.CreateDirectory(_folder["train/" + name]);
            _folder.Write($"train/{name}/0.png", [1]);
        }

        AssertError("NoImages", () => Read());
    }

    [Theory]
    [InlineData("none of them is for training", "val", "test")]
    [InlineData("more than one is for validation", "train", "val", "valid")]
    public void Parts_that_make_no_sense_are_not_taken_for_classes(string because, params string[] parts)
    {
        foreach (string part in parts)
            Parts(part, 2);

        Assert.Contains(because, AssertError("SplitsNotClasses", () => Read()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train")]
    [InlineData("val")]
    public void A_class_called_like_a_part_may_have_subfolders_beside_other_classes(string name)
    {
        Draw(name + "/steam", 3);
        Draw("bus", 3);

        Assert.Equal(new[] { "bus", name }, Read().Classes);
        Assert.Empty(_understood);
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
    public void Damage_is_named_in_every_part()
    {
        Parts("train", 2);
        Parts("test", 2);
        _folder.Write("test/a/cut.png", File.ReadAllBytes(_folder["test/a/0.png"]).AsSpan(0, 40));
        _folder.Write("test/b/scan.tif", "II*\0"u8);
        Directory.CreateDirectory(_folder["test/c"]);
        Directory.CreateDirectory(_folder["train/c"]);

        Assert.Equal(4, Read().TestCount);
        Assert.Equal([("test/a/cut.png", "InvalidImageFile"), ("train/c", "EmptyClass"), ("test/c", "EmptyClass")], _skipped);
        Assert.Contains("'test/b/scan.tif'", Assert.Single(_warnings).Replace('\\', '/'), StringComparison.Ordinal);
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
        Understood = _understood.Add,
    }.Read(progress, cancellation);

    /// <summary>Draws two classes of pictures in the folder of a part.</summary>
    private void Parts(string part, int count)
    {
        Draw(part + "/a", count);
        Draw(part + "/b", count);
    }

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
